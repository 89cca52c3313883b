"""The store on local disk, or one shared file system."""

from .store import DIRECTORIES, LocalStore

__all__ = ["DIRECTORIES", "LocalStore"]
