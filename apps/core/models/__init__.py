from .chunk_reservation import ChunkReservation
from .kept_segment import KeptSegment
from .node import Node
from .owner_usage import OwnerUsage
from .part_of_final import PartOfFinal
from .store_identity import StoreIdentity
from .upload_session import ChunkReceipt, UploadSession

__all__ = [
    "ChunkReceipt",
    "ChunkReservation",
    "KeptSegment",
    "Node",
    "OwnerUsage",
    "PartOfFinal",
    "StoreIdentity",
    "UploadSession",
]
