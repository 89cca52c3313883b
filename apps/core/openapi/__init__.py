"""The OpenAPI schema, for projects that have drf-spectacular (the extra ``openapi``).

Views and serializers know nothing of it: it is told about them by its own extensions, which the app loads if
``drf_spectacular`` is installed. Projects name ``openapi.add_protocols`` among its ``POSTPROCESSING_HOOKS``.
"""

from . import fields, views
from .protocols import add_protocols

__all__ = ["add_protocols", "fields", "views"]
