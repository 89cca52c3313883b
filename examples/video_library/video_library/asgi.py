import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "video_library.settings")
application = get_asgi_application()

from resumable_uploads.asgi import UploadApplication  # noqa: E402  # Django is set up by now.

application = UploadApplication(application)
