"""The upload API, for a project to include at ``api/v1/upload/`` or anywhere else."""

from django.urls import path, re_path

from .http.protocol import UploadProtocol
from .http.wsgi import protocol_view
from .protocols.ietf import DraftCreation, DraftUpload
from .protocols.json_chunks import JsonChunks
from .protocols.raw_chunks import RawChunks
from .protocols.s3 import (
    CompleteMultipart,
    CreateMultipart,
    MultipartUpload,
    SignPart,
    SignParts,
    UploadParameters,
)
from .protocols.s3_transfers import ObjectTransfer, PartTransfer
from .protocols.shared_address import SharedAddress
from .protocols.tus import TusCreation, TusUpload
from .views import resumable_upload_views as views
from .views.api_base import unknown_path

app_name = "resumable_uploads"

UPLOAD = "s3/multipart/<str:upload_id>"
S3_CONTRACT: dict[str, tuple[str, UploadProtocol]] = {
    "params": ("s3/params", UploadParameters()),
    "multipart": ("s3/multipart", CreateMultipart()),
    "upload": (UPLOAD, MultipartUpload()),
    "batch": (f"{UPLOAD}/batch", SignParts()),
    "complete": (f"{UPLOAD}/complete", CompleteMultipart()),
    "sign": (f"{UPLOAD}/<str:part_number>", SignPart()),
}
SIGNED = "for/<str:endpoint>/"
"""Before the contract's addresses where the endpoint itself is signed."""

urlpatterns = [
    # First, because they are asked for most often.
    path("chunk/<uuid:upload_id>/<str:index>", protocol_view(RawChunks()), name="raw-chunk"),
    path("chunk", protocol_view(JsonChunks()), name="chunk"),
    path("files/<str:upload_id>", protocol_view(SharedAddress(TusUpload, DraftUpload)), name="resumable-file"),
    *(path(route, protocol_view(protocol), name=f"s3-{name}") for name, (route, protocol) in S3_CONTRACT.items()),
    *(
        path(SIGNED + route, protocol_view(protocol), name=f"s3-signed-{name}")
        for name, (route, protocol) in S3_CONTRACT.items()
    ),
    path("s3/parts/<str:upload_id>/<str:part_number>", protocol_view(PartTransfer()), name="s3-part"),
    path("file/", protocol_view(ObjectTransfer()), name="s3-object"),
    path("files/", protocol_view(SharedAddress(TusCreation, DraftCreation)), name="resumable-files"),
    path("", views.UploadListView.as_view(), name="list"),
    path("init", views.InitUploadView.as_view(), name="init"),
    path("complete", views.CompleteUploadView.as_view(), name="complete"),
    path("cancel", views.CancelUploadView.as_view(), name="cancel"),
    path("status/<uuid:upload_id>", views.UploadStatusView.as_view(), name="status"),
    path("file/<uuid:upload_id>", views.UploadFileView.as_view(), name="file"),
    path("<uuid:upload_id>", views.UploadView.as_view(), name="upload"),
    re_path(r".*", unknown_path),
]
