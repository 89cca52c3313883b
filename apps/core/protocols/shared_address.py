"""One address for the protocols that send an upload's bytes in order, told apart by the head of each request.

``Tus-Resumable`` is tus; what names neither protocol is refused as tus wants it, with the version to speak. OPTIONS
answers for all of them at once.
"""

from __future__ import annotations

from django.http import HttpRequest

from ..http.protocol import Answer, RequestHead, UploadProtocol
from . import tus


class _Options(UploadProtocol):
    """What this address can do; asked by anybody."""

    name = "options"
    public_methods = frozenset({"OPTIONS"})
    cors = tus.TusUpload.cors
    common_headers = tus.TusUpload.common_headers

    def __init__(self, methods: frozenset[str]) -> None:
        self.methods = methods | self.public_methods  # type: ignore[misc]

    def begin(self, head: RequestHead) -> Answer:
        return Answer(204, headers={"Allow": ", ".join(sorted(self.methods)), **tus.capabilities()})


class SharedAddress(UploadProtocol):
    """Chooses the protocol of a request."""

    name = "shared"

    def __init__(self, spoken: UploadProtocol) -> None:
        self.methods = spoken.methods  # type: ignore[misc]
        self.cors = spoken.cors  # type: ignore[misc]
        self._tus = spoken
        self._options = _Options(spoken.methods)
        self._refused = tus.VersionRefused()

    def chosen_for(self, request: HttpRequest) -> UploadProtocol:
        if request.method == "OPTIONS":
            return self._options
        spoken = request.headers.get("Tus-Resumable")
        return self._tus if spoken == tus.VERSION else self._refused

    def begin(self, head: RequestHead) -> Answer:
        raise NotImplementedError  # It is never the one that was chosen.
