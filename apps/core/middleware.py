"""The middleware that a host project names in ``MIDDLEWARE``."""

from .http.correlation import CorrelationMiddleware
from .http.cors import CorsMiddleware
from .http.current_user import CurrentUserMiddleware

__all__ = ["CorrelationMiddleware", "CorsMiddleware", "CurrentUserMiddleware"]
