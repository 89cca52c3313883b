"""Fields for models, forms and serializers whose files arrive by resumable uploads."""

from .model_field import ResumableFieldFile, ResumableFileField
from .uploaded_file import UploadedReference

__all__ = ["ResumableFieldFile", "ResumableFileField", "UploadedReference"]
