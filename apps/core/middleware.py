"""The middleware that a host project names in ``MIDDLEWARE``."""

from .http.correlation import CorrelationMiddleware
from .http.cors import CorsMiddleware

__all__ = ["CorrelationMiddleware", "CorsMiddleware"]
