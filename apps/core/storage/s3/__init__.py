"""The store in a bucket of any S3-compatible object store; needs the extra ``s3``."""

from .store import S3Store

__all__ = ["S3Store"]
