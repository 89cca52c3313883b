"""Static files under names with a hash of their content, which browsers may keep for ever, and compressed."""

from __future__ import annotations

from collections.abc import Callable
from re import Match

from django.conf import settings
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Gives hashed names to what was collected; all else keeps its plain name, so that no page fails for a file."""

    # The page's modules import each other by name.
    support_js_module_import_aggregation = True
    keep_intermediate_files = False

    def read_manifest(self) -> str | None:
        manifest: str | None = super().read_manifest() if settings.STATIC_COLLECTED else None
        return manifest

    def stored_name(self, name: str) -> str:
        return str(self.hashed_files.get(self.hash_key(self.clean_name(name)), name))

    def url_converter(
        self, name: str, hashed_files: dict[str, str], template: str | None = None
    ) -> Callable[[Match[str]], str]:
        """How references in a file are rewritten; those that lead nowhere, as source maps of others do, stay."""
        convert = super().url_converter(name, hashed_files, template)

        def convert_if_there(match: Match[str]) -> str:
            try:
                return str(convert(match))
            except ValueError:
                return match[0]

        return convert_if_there
