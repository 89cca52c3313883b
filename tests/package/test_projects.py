"""Fresh projects of all kinds, each with the built wheel and a real upload through a real server."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from apps.core.tests.noise import noise
from tests.server_process import PROJECT

from .project import Project, snippets

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DATA = noise(3_000_000)

BASICS = """
INSTALLED_APPS += ["rest_framework", "resumable_uploads"]
MEDIA_ROOT = BASE_DIR / "media"
DATABASES["default"].setdefault("OPTIONS", {})
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"]["transaction_mode"] = "IMMEDIATE"
"""

KNOX = """
INSTALLED_APPS += ["knox"]
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["knox.auth.TokenAuthentication"]}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer"}
"""

PLAIN_TOKENS = """
INSTALLED_APPS += ["rest_framework.authtoken"]
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"]}
"""

ASGI = """
from resumable_uploads.asgi import UploadApplication
application = UploadApplication(application)
"""


def urls(prefix: str) -> str:
    return (
        "from django.urls import include\n"
        f"urlpatterns += [path('{prefix}', include('resumable_uploads.urls_resumable_uploads'))]"
    )


def upload(api: str, authorization: str) -> None:
    """A whole upload, a download and a removal."""
    with requests.Session() as http:
        http.headers["Authorization"] = authorization
        fields = {
            "filename": "holiday.bin",
            "total_size": len(DATA),
            "file_hash": hashlib.sha256(DATA).hexdigest(),
            "client_key": "k",
        }
        begun = http.post(f"{api}init", json=fields, timeout=20)
        assert begun.status_code == 201, begun.text
        assert http.post(f"{api}init", json=fields, timeout=20).json()["upload_id"] == begun.json()["upload_id"]
        upload_id, size = begun.json()["upload_id"], begun.json()["chunk_size"]
        for index in reversed(range(begun.json()["total_chunks"])):
            chunk = DATA[index * size : (index + 1) * size]
            answer = http.put(f"{api}chunk/{upload_id}/{index}", data=chunk, timeout=20)
            assert answer.status_code == 200, answer.text
        done = http.post(f"{api}complete", json={"upload_id": upload_id}, timeout=20)
        assert done.status_code == 200, done.text
        address = api.split("/", 3)
        file = http.get("/".join(address[:3]) + done.json()["file"]["url"], timeout=20)
        assert file.content == DATA
        assert http.post(f"{api}init", json={"filename": "empty.bin", "total_size": 0}, timeout=20).json()["file"]
        assert http.delete(f"{api}{upload_id}", timeout=20).status_code == 204
        assert http.get(f"{api}status/{upload_id}", timeout=20).status_code == 404


def assert_in_order(project: Project) -> None:
    project.manage("migrate", "--verbosity=0")
    project.manage("makemigrations", "--check", "--dry-run")
    project.manage("check", "--fail-level=WARNING")


FILM = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + DATA


def add_in_admin(address: str, project: Project) -> None:
    """The five lines at work, as a browser has them."""
    add = f"{address}/admin/mysite/video/add/"
    with requests.Session() as browser:
        browser.get(f"{address}/admin/login/", timeout=20)
        password = project.environment["DJANGO_SUPERUSER_PASSWORD"]
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "next": "/"}
        browser.post(f"{address}/admin/login/", {"username": "owner", "password": password, **token}, timeout=20)
        page = browser.get(add, timeout=20).text
        (purpose,) = re.findall(r'data-purpose="([^"]+)"', page)
        browser.headers["X-CSRFToken"] = browser.cookies["csrftoken"]
        fields = {"filename": "a.mp4", "total_size": len(FILM), "purpose": purpose}
        begun = browser.post(f"{address}/api/v1/upload/init", json=fields, timeout=20).json()
        api, size = f"{address}/api/v1/upload", begun["chunk_size"]
        for index in range(begun["total_chunks"]):
            chunk = FILM[index * size : (index + 1) * size]
            browser.put(f"{api}/chunk/{begun['upload_id']}/{index}", data=chunk, timeout=20).raise_for_status()
        proof = {"upload_id": begun["upload_id"], "file_hash": hashlib.sha256(FILM).hexdigest()}
        done = browser.post(f"{api}/complete", json=proof, timeout=20).json()
        form = {"title": "a", "file": done["file"]["reference"], "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        saved = browser.post(add, form, allow_redirects=False, timeout=20)
        assert saved.status_code == 302, saved.text
        admin = browser.get(f"{address}/admin/mysite/video/", timeout=20).text
        row = re.findall(r'href="(/admin/mysite/video/\d+/change/)"', admin)[0]
        (link,) = re.findall(r'<a href="([^"]+\.mp4)"', browser.get(f"{address}{row}", timeout=20).text)
        assert browser.get(f"{address}{link}", timeout=20).content == FILM
    newest = max((project.directory / "media" / "videos").rglob("*.mp4"), key=lambda path: path.stat().st_mtime_ns)
    assert newest.read_bytes() == FILM


SEARCH = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from resumable_uploads.models import OwnerUsage
client = Client(headers={"host": "localhost"})
client.force_login(get_user_model().objects.get(is_superuser=True))
for model in ("uploadsession", "ownerusage"):
    page = client.get(reverse(f"admin:resumable_uploads_{model}_changelist"), {"q": "owner"})
    assert page.status_code == 200, page
print(OwnerUsage.objects.count())
"""


def test_the_readme_makes_a_project_that_takes_uploads(tmp_path: Path, site: Path) -> None:
    project = Project(tmp_path / "project", site)
    pasted = snippets("README.md")
    names = ("models", "settings", "urls", "admin", "settings", "asgi", "uploads", "apps")
    assert [path for path, _ in pasted] == [f"mysite/{name}.py" for name in names]
    for path, text in pasted:
        project.append(path, text)
    project.manage("makemigrations", "mysite", "--verbosity=0")
    assert_in_order(project)
    project.make_superuser("owner")
    token = project.manage("upload_token", "issue", "owner").strip()
    for kind in ("runserver", "asgi"):
        server = project.serve(kind)
        with server as address:
            upload(f"{address}/api/v1/upload/", f"Bearer {token}")
            add_in_admin(address, project)
        assert "owner uploaded holiday.bin: " in server.log.read_text()
        assert "owner uploaded empty.bin: " in server.log.read_text()
    project.run("-c", SEARCH)


PAGES_OF_FIELDS = """
from . import api, several, views
urlpatterns += [path('', views.AddLecture.as_view()), path('several/', several.AddSeveral.as_view())]
"""
SEVERAL = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
from resumable_uploads.testing import upload_reference
from mysite.models import Lecture
film = bytes.fromhex("000000186674797069736f6d0000000069736f6d6d703432")
user = get_user_model().objects.create_superuser("ada", password="secret")
client = Client(headers={"host": "localhost"})
client.force_login(user)
assert 'enctype="multipart/form-data"' in client.get("/").content.decode()
references = [upload_reference(user, "mysite.Lecture.video", film, f"{n}.mp4") for n in range(2)]
answer = client.post("/several/", {"videos": references})
assert answer.status_code == 302, answer.content.decode()
assert sorted(Lecture.objects.values_list("title", flat=True)) == ["0.mp4", "1.mp4"]
assert all(len(lecture.sha256) == 64 for lecture in Lecture.objects.all())
"""


def test_the_page_on_fields_makes_a_project_whose_own_tests_pass(tmp_path: Path, site: Path) -> None:
    project = Project(tmp_path / "project", site)
    for path, text in snippets("README.md")[1:3] + snippets("docs/FIELDS.md"):
        project.append(path, text)
    project.append("mysite/urls.py", PAGES_OF_FIELDS)
    (template,) = (PROJECT / "docs/FIELDS.md").read_text().split("```html\n<!-- mysite/")[1:]
    path, _, text = template.split("\n```")[0].partition(" -->\n")
    project.append(f"mysite/{path}", text)
    project.manage("makemigrations", "mysite", "--verbosity=0")
    assert_in_order(project)
    project.run("-c", SEVERAL)
    assert "Ran 2 tests" in project.manage("test")
    project.manage("fill_file_sha256", "mysite.Lecture.video")


def test_a_project_with_a_user_model_an_app_core_and_a_package_apps_of_its_own(tmp_path: Path, site: Path) -> None:
    project = Project(tmp_path / "project", site)
    for package in ("core", "apps", "apps/people"):
        project.append(f"{package}/__init__.py", "")
    project.append("core/templates/core/base.html", "the host's own")
    project.append("core/models.py", "from django.db import models\n\n\nclass Thing(models.Model):\n    pass\n")
    project.append(
        "apps/people/models.py",
        "import uuid\n"
        "from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager\n"
        "from django.contrib.auth.models import PermissionsMixin\n"
        "from django.db import models\n\n\n"
        "class Person(AbstractBaseUser, PermissionsMixin):\n"
        "    id = models.UUIDField(primary_key=True, default=uuid.uuid4)\n"
        "    email = models.EmailField(unique=True)\n"
        "    is_staff = models.BooleanField(default=True)\n"
        "    USERNAME_FIELD = 'email'\n"
        "    objects = BaseUserManager()\n",
    )
    project.append("mysite/settings.py", BASICS + KNOX)
    project.append("mysite/settings.py", "INSTALLED_APPS += ['core', 'apps.people']\nAUTH_USER_MODEL = 'people.Person'")
    project.append("mysite/urls.py", urls("files/in/"))
    project.append("mysite/asgi.py", ASGI)
    project.manage("makemigrations", "people", "core", "--verbosity=0")
    assert_in_order(project)
    people = (
        "from apps.people.models import Person; Person.objects.create(email='owner@example.com', is_superuser=True)"
    )
    project.run("-c", f"import django; django.setup(); {people}")
    token = project.manage("upload_token", "issue", "owner@example.com").strip()
    with project.serve("asgi") as address:
        upload(f"{address}/files/in/", f"Bearer {token}")
    project.run("-c", SEARCH)
    found = "from django.template.loader import get_template; print(get_template('core/base.html').render())"
    assert "the host's own" in project.run("-c", f"import django; django.setup(); {found}")


def test_the_hard_dependencies_are_enough(tmp_path: Path, wheel: Path) -> None:
    """In an environment of its own, in which nothing else is installed."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], check=True)
    installed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("knox", "prometheus", "spectacular", "uvicorn") if name in installed]
    project = Project(tmp_path / "project", None, python)
    project.append("mysite/settings.py", BASICS + PLAIN_TOKENS)
    project.append("mysite/urls.py", urls("api/v1/upload/"))
    assert_in_order(project)
    said = project.manage("check")
    assert [extra for extra in ("tokens", "openapi", "metrics") if f"Install the extra '{extra}'" in said] == [
        "tokens",
        "openapi",
        "metrics",
    ]
    project.make_superuser("owner")
    token = project.manage("drf_create_token", "owner").split()[2]
    with project.serve("runserver") as address:
        upload(f"{address}/api/v1/upload/", f"Token {token}")
    for command in ("cleanup_expired_uploads", "check_uploads"):
        project.manage(command)


@pytest.mark.parametrize("vendor", ["postgresql", "mariadb"])
def test_other_databases(tmp_path: Path, site: Path, vendor: str) -> None:
    url = os.environ.get(f"{vendor.upper()}_URL")
    if not url:
        pytest.skip(f"needs {vendor}: set {vendor.upper()}_URL (.ci/run starts one)")
    project = Project(tmp_path / "project", site, DATABASE_URL=url)
    project.append(
        "mysite/settings.py", "import environ\nDATABASES = {'default': environ.Env().db_url('DATABASE_URL')}"
    )
    project.append("mysite/settings.py", BASICS + KNOX)
    project.append("mysite/urls.py", urls("api/v1/upload/"))
    assert_in_order(project)
    project.make_superuser("owner")
    token = project.manage("upload_token", "issue", "owner").strip()
    with project.serve("wsgi") as address:
        upload(f"{address}/api/v1/upload/", f"Bearer {token}")
    project.run("-c", SEARCH)
    project.manage("check_uploads")


def test_the_server_that_the_operations_page_starts(tmp_path: Path, site: Path) -> None:
    page = (PROJECT / "docs/OPERATIONS.md").read_text()
    (snippet,) = [block.split("```")[0] for block in page.split("```python\n")[1:] if "http1_class" in block]
    project = Project(tmp_path / "project", site)
    project.append("mysite/settings.py", BASICS + KNOX)
    project.append("mysite/urls.py", urls("api/v1/upload/"))
    project.append("mysite/asgi.py", ASGI)
    project.append("serve.py", "import os\n" + snippet.replace('ws="none"', 'ws="none", port=int(os.environ["PORT"])'))
    assert_in_order(project)
    with (
        project.serve("script") as address,
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=20) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000)
        assert client.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_atomic_requests_keep_no_transaction_open_while_a_client_sends(tmp_path: Path, site: Path) -> None:
    url = os.environ.get("POSTGRESQL_URL")
    if not url:
        pytest.skip("needs postgresql: set POSTGRESQL_URL (.ci/run starts one)")
    project = Project(tmp_path / "project", site, DATABASE_URL=url)
    project.append(
        "mysite/settings.py", "import environ\nDATABASES = {'default': environ.Env().db_url('DATABASE_URL')}"
    )
    project.append("mysite/settings.py", BASICS + KNOX + "DATABASES['default']['ATOMIC_REQUESTS'] = True")
    project.append("mysite/urls.py", urls("api/v1/upload/"))
    assert_in_order(project)
    project.make_superuser("atomic")
    token = project.manage("upload_token", "issue", "atomic").strip()
    with project.serve("wsgi") as address:
        upload(f"{address}/api/v1/upload/", f"Bearer {token}")
        with half_a_chunk(address, token):
            assert project.run("-c", IDLE_IN_TRANSACTION).strip() == "0"


IDLE_IN_TRANSACTION = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() "
                   "AND datname = current_database() AND backend_type = 'client backend'")
    print(*cursor.fetchone())
"""


@contextmanager
def half_a_chunk(address: str, token: str) -> Iterator[None]:
    """A request that waits for the rest of its body meanwhile."""
    headers = {"Authorization": f"Bearer {token}"}
    fields = {"filename": "slow.bin", "total_size": 10}
    upload_id = requests.post(f"{address}/api/v1/upload/init", json=fields, headers=headers, timeout=20).json()[
        "upload_id"
    ]
    head = (
        f"PUT /api/v1/upload/chunk/{upload_id}/0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
        f"Authorization: Bearer {token}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=20) as client:
        client.sendall(head.encode())
        assert b" 100 " in client.recv(4096)
        client.sendall(b"01234")
        yield
        client.sendall(b"56789")
        assert b" 200 " in client.recv(4096)


def test_a_project_that_has_an_apps_core_with_migrations(tmp_path: Path) -> None:
    """The steps of docs/INSTALLATION.md, run as they stand there."""
    project = Project(tmp_path / "project", None)
    project.append("apps/__init__.py", "")
    project.append("apps/core/__init__.py", "")
    project.append(
        "apps/core/apps.py",
        "from django.apps import AppConfig\n\n\nclass CoreConfig(AppConfig):\n    name = 'apps.core'\n",
    )
    project.append("apps/core/models/__init__.py", "from .thing import Thing\n")
    project.append(
        "apps/core/models/thing.py", "from django.db import models\n\n\nclass Thing(models.Model):\n    pass\n"
    )
    project.append("apps/core/admin.py", "from django.contrib import admin\n")
    project.append("mysite/settings.py", "INSTALLED_APPS += ['apps.core']")
    project.manage("makemigrations", "core", "--verbosity=0", "--name=thing")
    (project.directory / "apps/core/migrations/0001_thing.py").rename(
        project.directory / "apps/core/migrations/0008_thing.py"
    )
    project.manage("migrate", "--verbosity=0")
    text = (PROJECT / "docs/INSTALLATION.md").read_text().partition("## An `apps/core` of your own")[2]
    script = text.partition("```bash\n")[2].partition("```")[0]
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copytree(PROJECT / "apps", checkout / "apps")
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project.directory,
        env={**os.environ, "CHECKOUT": str(checkout), "LATEST": "0008_thing"},
        check=True,
    )
    project.append("mysite/settings.py", BASICS.replace('"resumable_uploads"', '"knox"') + KNOX.replace('"knox"', ""))
    project.append("mysite/urls.py", urls("api/v1/upload/").replace("resumable_uploads.", "apps.core."))
    assert_in_order(project)
    project.make_superuser("owner")
    token = project.manage("upload_token", "issue", "owner").strip()
    with project.serve("runserver") as address:
        upload(f"{address}/api/v1/upload/", f"Bearer {token}")
    project.run(
        "-c", SEARCH.replace("admin:resumable_uploads_", "admin:core_").replace("resumable_uploads.", "apps.core.")
    )
