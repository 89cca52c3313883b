"""One upload, moved by every protocol at random, against a plain model of it: they tell the same truth, always."""

from __future__ import annotations

import base64
import random
import zlib
from typing import Any

import pytest

from apps.core.protocols import s3

from .api import Api, content_digest, sha256
from .s3_client import S3
from .test_ietf import Draft, digest
from .tus_client import Tus

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

CHUNK = 4
STEPS = 25


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART_SIZE", CHUNK)


class Model:
    """A file of which some bytes are there: whole chunks, in any order, and the first bytes of the next one."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.chunks: set[int] = set()
        self.kept = 0
        """Bytes that are kept of the first chunk that is missing, by who sends in order."""
        self.kept_of = 0

    @property
    def total(self) -> int:
        return -(-len(self.data) // CHUNK)

    @property
    def contiguous(self) -> int:
        return next(index for index in range(self.total + 1) if index not in self.chunks)

    @property
    def offset(self) -> int:
        first = self.contiguous
        if first == self.total:
            return len(self.data)
        return first * CHUNK + (self.kept if self.kept_of == first else 0)

    @property
    def missing(self) -> list[int]:
        return [index for index in range(self.total) if index not in self.chunks]

    def put(self, index: int) -> None:
        self.chunks.add(index)

    def append(self, size: int) -> None:
        """Who sends in order sends from the offset on, over what is there as well."""
        end = self.offset + size
        self.chunks |= set(range(self.contiguous, end // CHUNK))
        if end == len(self.data):
            self.chunks |= set(range(self.total))
        elif end % CHUNK and end // CHUNK not in self.chunks:
            self.kept_of, self.kept = end // CHUNK, end % CHUNK


class Uploader:
    """Sends as one of the protocols does, and looks as all of them do."""

    def __init__(self, api: Api, model: Model, dice: random.Random) -> None:
        self.api, self.tus, self.draft, self.s3 = api, Tus(api), Draft(api), S3(api)
        self.model, self.dice = model, dice
        data = model.data
        begin = dice.choice(["json", "tus", "draft", "s3"])
        if begin == "json":
            self.upload_id = api.post("init", {"filename": "a.bin", "total_size": len(data)}).json()["upload_id"]
        elif begin == "tus":
            self.upload_id = self.tus.id_of(self.tus.create(len(data)))
        elif begin == "s3":
            self.upload_id = self.s3.create()
            # Its sender tells the size at the end; here it is known, so that all may look at the same.
            self.tus.patch(f"{self.tus.files}{self.upload_id}", 0, b"", Upload_Length=str(len(data)))
        else:
            # Python's own WSGI server names a type where there is none.
            binary = {"Content_Type": "application/octet-stream", "Upload_Length": str(len(data))}
            self.upload_id = self.tus.id_of(self.draft.create(b"", ends=False, **binary).headers["Location"])
        self.url = f"{self.tus.files}{self.upload_id}"

    def step(self) -> None:
        dice, model = self.dice, self.model
        # The last bytes are left to the end: they would complete it.
        index = dice.randrange(model.total)
        chunk = model.data[index * CHUNK : (index + 1) * CHUNK]
        left = len(model.data) - model.offset
        size = dice.randrange(min(left, 11)) if left else 0
        part = model.data[model.offset : model.offset + size]
        in_any_order = [self.put, self.post, self.put_part]
        action = dice.choice([*in_any_order, self.patch, self.checked_patch, self.append, self.look])
        if action in in_any_order:
            if model.missing in ([index], []):
                return
            action(index, chunk)
            model.put(index)
        elif action == self.look:
            self.look()
        elif size and not self._would_end(size):
            action(model.offset, part)
            model.append(size)

    def _would_end(self, size: int) -> bool:
        end = self.model.offset + size
        covered = self.model.chunks | set(range(end // CHUNK))
        return end == len(self.model.data) or len(covered) == self.model.total

    def put(self, index: int, chunk: bytes) -> None:
        assert self.api.put(self.upload_id, index, chunk, content_digest(chunk)).status_code == 200

    def post(self, index: int, chunk: bytes) -> None:
        assert self.api.post_chunk(self.upload_id, index, chunk).status_code == 200

    def put_part(self, index: int, chunk: bytes) -> None:
        answer = self.s3.put(self.upload_id, index + 1, chunk)
        assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{sha256(chunk)}"')

    def patch(self, offset: int, part: bytes) -> None:
        answer = self.tus.patch(self.url, offset, part)
        assert answer.status_code == 204, answer.text

    def checked_patch(self, offset: int, part: bytes) -> None:
        wrong = base64.b64encode((zlib.crc32(part) ^ 1).to_bytes(4, "big")).decode()
        assert self.tus.patch(self.url, offset, part, Upload_Checksum=f"crc32 {wrong}").status_code == 460
        right = base64.b64encode(zlib.crc32(part).to_bytes(4, "big")).decode()
        assert self.tus.patch(self.url, offset, part, Upload_Checksum=f"crc32 {right}").status_code == 204

    def append(self, offset: int, part: bytes) -> None:
        answer = self.draft.append(self.url, offset, part, ends=False, Content_Digest=digest(part))
        assert answer.status_code == 204, answer.text

    def look(self, *_: Any) -> None:
        model = self.model
        status = self.api.status(self.upload_id).json()
        assert status["progress"]["missing_chunks"] == model.missing
        assert status["progress"]["received_chunks"] == len(model.chunks)
        assert {part["PartNumber"] - 1 for part in self.s3.parts(self.upload_id)} == model.chunks
        offsets = (self.tus.offset(self.url), int(self.draft.look(self.url).headers["Upload-Offset"]))
        assert offsets == (model.offset, model.offset)
        for wrong in {model.offset - 1, model.offset + 1} & set(range(len(model.data))):
            assert self.tus.patch(self.url, wrong, b"").status_code == 409
            assert self.draft.append(self.url, wrong, b"", ends=False).status_code == 409

    def finish(self) -> None:
        rest = self.model.data[self.model.offset :]
        end = self.dice.choice(["json", "tus", "draft", "s3"])
        if end == "json":
            self.api.send(self.upload_id, self.model.data, CHUNK, self.model.missing)
            assert self.api.complete(self.upload_id, file_hash=sha256(self.model.data)).status_code == 200
        elif end == "s3":
            for index in self.model.missing:
                self.put_part(index, self.model.data[index * CHUNK : (index + 1) * CHUNK])
            assert self.s3.complete(self.upload_id).status_code == 200
        elif end == "tus":
            assert self.tus.patch(self.url, self.model.offset, rest).status_code == 204
        else:
            assert self.draft.append(self.url, self.model.offset, rest, ends=True).status_code == 201
        assert self.api.get(f"file/{self.upload_id}").content == self.model.data
        assert self.tus.offset(self.url) == len(self.model.data)
        assert self.draft.is_complete(self.draft.look(self.url)) is True
        assert self.api.status(self.upload_id).json()["status"] == "completed"


@pytest.mark.parametrize("seed", range(12))
def test_all_protocols_tell_the_same_of_one_upload(api: Api, seed: int) -> None:
    dice = random.Random(seed)
    model = Model(dice.randbytes(dice.randrange(2, 60)))
    uploader = Uploader(api, model, dice)
    for _ in range(STEPS):
        uploader.step()
    uploader.look()
    uploader.finish()
