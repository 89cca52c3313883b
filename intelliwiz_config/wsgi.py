import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from .proxies import TrustedProxies, WsgiBehindProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")

application = WsgiBehindProxies(get_wsgi_application(), TrustedProxies(settings.FORWARDED_ALLOW_IPS))
