"""A TCP proxy between browser and server that misbehaves when told to."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

BLOCK = 64 * 1024
LARGEST_JSON = 1000


class FlakyProxy:
    """Forwards to a port on loopback. Change its attributes while it runs."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.bytes_per_second: float | None = None
        """Of all connections to the server together."""
        self.stalled = False
        """Bytes of bodies go nowhere, connections stay open."""
        self.stall_after: int | None = None
        """It is stalled once so many bytes were sent."""
        self.corrupt_bodies = 0
        """In so many blocks of chunks, one bit is turned."""
        self.bytes_sent = 0
        self._allowed_at = 0.0
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        self.stalled, self.stall_after = False, None
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        self._sockets |= {client, server}
        back = threading.Thread(target=self._forward, args=(server, client), daemon=True)
        back.start()
        self._forward(client, server, from_client=True)
        back.join()
        self._sockets -= {client, server}
        client.close()
        server.close()

    def _forward(self, source: socket.socket, sink: socket.socket, *, from_client: bool = False) -> None:
        with suppress(OSError):
            while block := source.recv(BLOCK):
                if from_client:
                    block = self._misbehave(block)
                sink.sendall(block)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def narrow_buffers(self) -> None:
        """Take little more from new connections than was sent on, so that they notice how slow it is."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BLOCK)

    def _has_sent_enough(self) -> bool:
        return self.stall_after is not None and self.bytes_sent >= self.stall_after

    def _misbehave(self, block: bytes) -> bytes:
        in_body = b" HTTP/1.1\r\n" not in block
        while in_body and (self.stalled or self._has_sent_enough()):
            time.sleep(0.02)
        with self._lock:
            self.bytes_sent += len(block)
            if in_body and self.corrupt_bodies and len(block) > LARGEST_JSON:
                self.corrupt_bodies -= 1
                block = bytes([block[0] ^ 1]) + block[1:]
            if self.bytes_per_second is None:
                return block
            self._allowed_at = max(self._allowed_at, time.monotonic()) + len(block) / self.bytes_per_second
            pause = self._allowed_at - time.monotonic()
        time.sleep(max(pause, 0))
        return block
