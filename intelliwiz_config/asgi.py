import os
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from .odd_headers import AsgiWithoutOddHeaders
from .proxies import AsgiBehindProxies, TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")

django_application: Any = get_asgi_application()

from apps.core.asgi import UploadApplication  # noqa: E402  # these need the app registry that the line above fills

from .body_limits import BODY_LIMIT  # noqa: E402

application = AsgiBehindProxies(
    AsgiWithoutOddHeaders(UploadApplication(django_application, body_limit=BODY_LIMIT)),
    TrustedProxies(settings.FORWARDED_ALLOW_IPS),
)
