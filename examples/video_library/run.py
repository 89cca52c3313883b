"""Start the example: everything from nothing, on http://127.0.0.1:8000/.

``HOST``, ``PORT``, ``DATA_DIR`` and ``SERVER`` (``asgi`` or ``wsgi``) are honoured. In this repository the package is
taken from the checkout; elsewhere install it: ``pip install django-resumable-uploads``.
"""

import importlib.util
import os
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What is empty is as good as not given.
DATA_DIR = Path(os.environ.get("DATA_DIR") or HERE / "data").resolve()
HOST, PORT = os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 8000)
os.environ["DATA_DIR"] = str(DATA_DIR)


def find_package() -> None:
    """The app is called ``resumable_uploads`` where it is installed, and ``apps/core`` in its own repository."""
    sys.path.insert(0, str(HERE))
    if importlib.util.find_spec("resumable_uploads"):
        return
    site = DATA_DIR / "site"
    site.mkdir(parents=True, exist_ok=True)
    link = site / "resumable_uploads"
    if not link.is_symlink():
        link.symlink_to(HERE.parent.parent / "apps" / "core")
    sys.path.insert(0, str(site))


def prepare() -> None:
    """The tables, the static files, and somebody who may log in."""
    import django
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "video_library.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    make_user()


def make_user() -> None:
    from django.contrib.auth import get_user_model

    users = get_user_model()
    path = DATA_DIR / "password"
    if not users.objects.filter(username="demo").exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12))
        users.objects.create_superuser("demo", password=path.read_text())
    print(f"http://{HOST}:{PORT}/ as demo, password {path.read_text()}", flush=True)


def serve() -> None:
    if os.environ.get("SERVER") == "wsgi":
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        bind = f"--bind={HOST}:{PORT}"
        os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "video_library.wsgi", bind, "--threads=8"])
    import uvicorn

    uvicorn.run("video_library.asgi:application", host=HOST, port=PORT, log_level="warning")


if __name__ == "__main__":
    find_package()
    prepare()
    serve()
