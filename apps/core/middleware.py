"""The middleware that a host project names in ``MIDDLEWARE``."""

from .fields.current_user import CurrentUserMiddleware
from .http.correlation import CorrelationMiddleware
from .http.cors import CorsMiddleware

__all__ = ["CorrelationMiddleware", "CorsMiddleware", "CurrentUserMiddleware"]
