"""One address for the protocols that send an upload's bytes in order, told apart by the head of each request.

``Tus-Resumable`` is tus; ``Upload-Complete``, ``Upload-Incomplete`` or an interop version is the IETF draft; what names
neither is refused as tus wants it, with the version to speak. OPTIONS answers for all of them at once.
"""

from __future__ import annotations

from django.http import HttpRequest

from ..http.protocol import Answer, CorsNeeds, RequestHead, UploadProtocol
from . import ietf, ietf_fields, tus
from .structured import integer_item


class _Options(UploadProtocol):
    """What an address can do; asked by anybody."""

    name = "options"
    public_methods = frozenset({"OPTIONS"})
    common_headers = tus.TusUpload.common_headers

    def __init__(self, methods: frozenset[str], cors: CorsNeeds) -> None:
        self.methods = methods | self.public_methods  # type: ignore[misc]
        self.cors = cors  # type: ignore[misc]

    def begin(self, head: RequestHead) -> Answer:
        allow = {"Allow": ", ".join(sorted(self.methods))}
        return Answer(204, headers={**allow, **tus.capabilities(), **ietf_fields.limits()})


class SharedAddress(UploadProtocol):
    """Chooses the protocol of a request."""

    name = "shared"

    def __init__(
        self,
        of_tus: type[tus.TusCreation | tus.TusUpload],
        of_draft: type[ietf.DraftCreation | ietf.DraftUpload],
    ) -> None:
        self.methods = of_tus.methods | of_draft.methods  # type: ignore[misc]
        self.cors = CorsNeeds(  # type: ignore[misc]
            of_tus.cors.request_headers | of_draft.cors.request_headers,
            of_tus.cors.exposed_headers | of_draft.cors.exposed_headers,
        )
        self._tus = of_tus()
        self._draft = of_draft
        self._options = _Options(self.methods, self.cors)
        self._refused = tus.VersionRefused()

    def chosen_for(self, request: HttpRequest) -> UploadProtocol:
        if request.method == "OPTIONS":
            return self._options
        spoken = request.headers.get("Tus-Resumable")
        if spoken is None and ietf_fields.names_draft(request):
            version = integer_item(request.headers.get(ietf_fields.VERSION))
            return self._draft(version if version in ietf_fields.SPOKEN else None)
        return self._tus.chosen_for(request) if spoken == tus.VERSION else self._refused

    def begin(self, head: RequestHead) -> Answer:
        raise NotImplementedError  # It is never the one that was chosen.
