"""The words of the upload field."""

from __future__ import annotations


def widget_texts() -> dict[str, str]:
    """All words of the element."""
    return {}
