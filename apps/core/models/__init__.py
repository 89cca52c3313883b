from .owner_usage import OwnerUsage
from .part_of_final import PartOfFinal
from .store_identity import StoreIdentity
from .upload_session import ChunkReceipt, UploadSession

__all__ = ["ChunkReceipt", "OwnerUsage", "PartOfFinal", "StoreIdentity", "UploadSession"]
