PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export HOST PORT DATA_DIR SERVER

.PHONY: run setup setup-dev test lint bench token clean

run: $(VENV)/.runtime  ## the production server on http://127.0.0.1:8000/
	@exec $(BIN)/python -m intelliwiz_config.serve

setup: $(VENV)/.runtime  ## the virtual environment alone

setup-dev: $(VENV)/.dev

token: $(VENV)/.runtime  ## print the demo user's Bearer token
	@$(BIN)/python -m intelliwiz_config.demo

test: $(VENV)/.dev  ## all tests; see CONTRIBUTING.md for the real parts they can use
	$(BIN)/pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy apps intelliwiz_config benchmarks tests
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/.dev  ## measure against the peers that are installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
