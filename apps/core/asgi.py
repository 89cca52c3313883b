"""The door for a host project's ``asgi.py``."""

from .http.asgi import UploadApplication

__all__ = ["UploadApplication"]
