import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from .odd_headers import WsgiWithoutOddHeaders
from .proxies import TrustedProxies, WsgiBehindProxies
from .unread_bodies import AnnouncesClosing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")

application = AnnouncesClosing(
    WsgiBehindProxies(WsgiWithoutOddHeaders(get_wsgi_application()), TrustedProxies(settings.FORWARDED_ALLOW_IPS))
)
