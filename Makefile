PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CLIENT := clients/javascript
FOREIGN := tests/foreign_clients
# Tests wait for servers and browsers more than they compute.
JOBS ?= 3
export HOST PORT DATA_DIR SERVER STOP_TIMEOUT

.PHONY: run example setup setup-dev test test-quick lint messages screenshots bench faults mutants token client clean

run: $(VENV)/.runtime  ## the production server on http://127.0.0.1:8000/
	@exec $(BIN)/python -m intelliwiz_config.serve --migrate --demo

setup: $(VENV)/.runtime  ## the virtual environment alone

setup-dev: $(VENV)/.dev $(CLIENT)/node_modules/.installed $(FOREIGN)/node_modules/.installed

example: $(VENV)/.runtime  ## a project with a model field, a form, the admin and an API; see examples/video_library
	@exec $(BIN)/python examples/video_library/run.py

token: $(VENV)/.runtime  ## print the demo user's Bearer token
	@$(BIN)/python -m intelliwiz_config.demo

test: $(VENV)/.dev $(CLIENT)/node_modules/.installed $(FOREIGN)/node_modules/.installed  ## all tests; see CONTRIBUTING.md for the real parts they can use
	$(BIN)/pytest -n $(JOBS) --dist loadfile

test-quick: $(VENV)/.dev  ## the app's tests without server processes and browsers; under a minute
	$(BIN)/pytest -m "not slow and not browser" apps

lint: $(VENV)/.dev $(CLIENT)/node_modules/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy apps intelliwiz_config benchmarks tests
	$(BIN)/mypy --config-file clients/python/pyproject.toml clients/python/src
	$(BIN)/python manage.py makemigrations --check --dry-run
	@if command -v npm >/dev/null; then cd $(CLIENT) && npm run --silent lint; fi

client: $(CLIENT)/node_modules/.installed  ## build the JavaScript client and the file for a <script> tag
	cd $(CLIENT) && npm run --silent build

messages: $(VENV)/.dev  ## collect the page's texts for translators, and compile what they wrote; needs gettext
	$(BIN)/python manage.py makemessages --all --no-wrap --no-obsolete --no-location --ignore "tests/*" --ignore "$(VENV)/*" --ignore "clients/*" --ignore "apps/core/tests/*"
	for catalogue in apps/core/locale/*/LC_MESSAGES/django.po; do msgfmt --check-format -o $${catalogue%.po}.mo $$catalogue; done

screenshots: $(VENV)/.dev  ## pictures of the page in all its states, in screenshots/; needs Chromium
	$(BIN)/python -m tests.browser.screenshots screenshots

bench: $(VENV)/.dev  ## measure against the peers that are installed
	$(BIN)/python -m benchmarks

faults: $(VENV)/.dev  ## try to break it, SECONDS a campaign; ONLY=kill,damage for some of them
	$(BIN)/python -m tests.faults

# One at a time: all of them use one test database.
mutants: $(VENV)/.mutants  ## small wrong changes, and which of them no test notices; MODULE=services/ledger for one module
	$(BIN)/mutmut run --max-children 1 $(if $(MODULE),"apps.core.$(subst /,.,$(MODULE:.py=)).*")
	$(BIN)/mutmut results | sed "/not checked/d"

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock clients/python/pyproject.toml $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python
	@touch $@

$(VENV)/.mutants: requirements-mutants.lock $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-mutants.lock
	@touch $@

%/node_modules/.installed: %/package-lock.json
	@if command -v npm >/dev/null; then cd $* && npm ci --silent --ignore-scripts && touch node_modules/.installed; \
	else echo "Without Node.js 20 and npm $* is neither tested nor linted."; fi
