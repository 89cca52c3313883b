from .owner_usage import OwnerUsage
from .upload_session import ChunkReceipt, UploadSession

__all__ = ["ChunkReceipt", "OwnerUsage", "UploadSession"]
