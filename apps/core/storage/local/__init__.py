"""The store on local disk, or one shared file system."""

from .store import LocalStore

__all__ = ["LocalStore"]
