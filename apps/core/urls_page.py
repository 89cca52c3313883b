"""The page for people, for a project to include.

Needs sessions, ``django.contrib.staticfiles``, session authentication in DRF, and URLs named ``login`` (see the
``LOGIN_URL`` setting) and ``logout``.
"""

from django.urls import path

from .http.compression import gzip_large
from .views.page import uploads_page, who_is_logged_in

urlpatterns = [
    path("", gzip_large(uploads_page), name="uploads-page"),
    path("who/", who_is_logged_in, name="uploads-who"),
]
