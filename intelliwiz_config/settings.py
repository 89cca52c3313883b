"""Settings of the project that serves the app. Everything an operator may change comes from the environment."""

from __future__ import annotations

import os
import warnings

import environ
from pythonjsonlogger.core import RESERVED_ATTRS

from .paths import BASE_DIR, data_directory, make_private_directory
from .secret_key import kept_secret_key

# whitenoise hands its (small, static) files to Django as synchronous iterators.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

env = environ.Env()

# What any command of this project makes, databases included, is for its owner alone.
os.umask(0o077)
DATA_DIR = data_directory()
make_private_directory(DATA_DIR)
DEBUG = env.bool("DEBUG", default=False)

SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret_key(DATA_DIR / "secret-key")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.core",
]

MIDDLEWARE = [
    "apps.core.middleware.CorrelationMiddleware",
    "apps.core.middleware.CorsMiddleware",
    "intelliwiz_config.body_limits.BodyLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Below WhiteNoise: static files need no policy.
    "intelliwiz_config.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.core.middleware.CurrentUserMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "intelliwiz_config.urls"
WSGI_APPLICATION = "intelliwiz_config.wsgi.application"
ASGI_APPLICATION = "intelliwiz_config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "intelliwiz_config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Under ASGI each of Django's requests has a thread of its own, whose connection nobody would use again.
    DATABASES["default"]["CONN_MAX_AGE"] = None if env.str("SERVER", default="") == "wsgi" else 0
    # Tests use threads and processes, which an in-memory database does not serve.
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8000;",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.mysql":
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {**DATABASES["default"].get("OPTIONS", {}), "charset": "utf8mb4"}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),
        # Who finds no free connection for a second is told to come again (503); waiting longer helps nobody.
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=16), "timeout": 1},
    }

# Shared by all server processes, since throttles are counted in it.
CACHES = {
    "default": env.cache_url("CACHE_URL")
    if env.str("CACHE_URL", default="")
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "uploads-page"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "intelliwiz_config.error_pages.csrf_failure"

LANGUAGE_CODE = "en"
# What the page is translated to; everybody gets the one that their browser asks for.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# The templates of this project have their words in the app's catalogue too.
LOCALE_PATHS = [BASE_DIR / "apps" / "core" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
# What serves says so when STATIC_ROOT has all files, hashed and compressed; else they come from where they lie.
STATIC_COLLECTED = STATIC_ROOT is not None and env.bool("STATIC_COLLECTED", default=False)
WHITENOISE_USE_FINDERS = not STATIC_COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "intelliwiz_config.static_storage.HashedStaticFilesStorage"},
}
MEDIA_ROOT = env.str("MEDIA_ROOT", default="") or DATA_DIR / "media"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
# A JSON chunk of 16 MiB in base64; larger chunks are sent raw.
DATA_UPLOAD_MAX_MEMORY_SIZE = 22 * 1024 * 1024 + 64 * 1024

# Behind a TLS proxy: set SECURE_PROXY=1 and let the proxy set X-Forwarded-Proto. Who is believed is decided before
# Django (see proxies), so no SECURE_PROXY_SSL_HEADER, which Django would believe from anybody.
SECURE_PROXY = env.bool("SECURE_PROXY", default=False)
FORWARDED_ALLOW_IPS = env.str("FORWARDED_ALLOW_IPS", default="") or ("127.0.0.1,::1" if SECURE_PROXY else "")
if SECURE_PROXY:
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The server sets PROMETHEUS_MULTIPROC_DIR for its processes; commands count nothing.
SILENCED_SYSTEM_CHECKS = ["resumable_uploads.W004"]
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS_OPEN = env.bool("METRICS_OPEN", default=False)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # Addresses are settled before Django: see proxies.
    "NUM_PROXIES": 0,
}

REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer"}

SPECTACULAR_SETTINGS = {
    "TITLE": "Resumable uploads",
    "DESCRIPTION": "Files of any size, in pieces, in any order, verified piece by piece and as a whole.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.core.openapi.add_protocols",
    ],
    "ENUM_NAME_OVERRIDES": {"UploadStatusEnum": "apps.core.serializers.PUBLIC_STATUSES"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"correlation": {"()": "apps.core.http.correlation.CorrelationFilter"}},
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            # Django hands the request to its log records, which would be written with its query string.
            "reserved_attrs": [*RESERVED_ATTRS, "request"],
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(correlation_id)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["correlation"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="WARNING")},
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}

# Every key of RESUMABLE_UPLOADS is documented in apps/core/conf.py and docs/RESUMABLE_UPLOAD_API.md.
RESUMABLE_UPLOADS: dict[str, object] = {
    "RECEIVE_TIMEOUT": env.float("RECEIVE_TIMEOUT", default=60.0),
    "CORS_ALLOWED_ORIGINS": tuple(env.list("CORS_ALLOWED_ORIGINS", default=[])),
    "INTERIM_SECONDS": env.float("INTERIM_SECONDS", default=5.0),
    "NODE": env.str("NODE_NAME", default=""),
}

# With a bucket new uploads go there; those that were begun on disk stay there and are served from there. Credentials
# are found by boto3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine's role.
S3_BUCKET = env.str("S3_BUCKET", default="")
if S3_BUCKET:
    RESUMABLE_UPLOADS |= {
        "STORES": {
            "default": {"BACKEND": "apps.core.storage.local.LocalStore"},
            "s3": {
                "BACKEND": "apps.core.storage.s3.S3Store",
                "OPTIONS": {
                    "bucket": S3_BUCKET,
                    "prefix": env.str("S3_PREFIX", default="uploads/"),
                    "endpoint_url": env.str("S3_ENDPOINT_URL", default="") or None,
                    "region_name": env.str("S3_REGION", default="") or None,
                    "addressing_style": env.str("S3_ADDRESSING_STYLE", default="auto"),
                    "direct_downloads": env.bool("S3_DIRECT_DOWNLOADS", default=False),
                    "spool": env.str("S3_SPOOL", default="") or None,
                },
            },
        },
        "STORE": "s3",
    }
