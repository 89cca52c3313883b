"""Serving the schema: built once in a process, since building costs far more than anything else a stranger may ask."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

_building = Lock()


@require_safe
def schema_view(request: HttpRequest) -> HttpResponse:
    """The schema as JSON, the same for everybody, whatever the query string asks for."""
    with _building:  # Requests that come while it is built wait for it.
        document = _schema(get_script_prefix())
    return HttpResponse(document, content_type=OpenApiJsonRenderer.media_type)


@lru_cache(maxsize=1)
def _schema(prefix: str) -> bytes:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    rendered: bytes = OpenApiJsonRenderer().render(schema)
    return rendered
