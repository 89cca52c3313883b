from .owner_usage import OwnerUsage
from .store_identity import StoreIdentity
from .upload_session import ChunkReceipt, UploadSession

__all__ = ["ChunkReceipt", "OwnerUsage", "StoreIdentity", "UploadSession"]
