"""A TCP proxy on loopback that is slow, breaks off or says nothing: what lies between a host and its store."""

import select
import socket
import threading
import time
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK = 1 << 14


class Proxy:
    """In front of a server, on a port of its own. What it does may change at any time."""

    def __init__(self, endpoint: str):
        parts = urlsplit(endpoint)
        self._server = (parts.hostname, parts.port)
        self.rate: float | None = None
        """Bytes a second to the client, over all connections."""
        self.breaks_after: int | None = None
        """So many bytes to the client, then each connection is closed."""
        self.hangs = False
        """Connections are taken, and nothing is passed on."""
        self.passed = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._server) as server:
            sent = 0
            while not self._ended.is_set():
                if self.hangs:
                    time.sleep(0.05)
                    continue
                for one in select.select([client, server], [], [], 0.05)[0]:
                    data = one.recv(CHUNK)
                    if not data:
                        return
                    if one is client:
                        server.sendall(data)
                        continue
                    if self.breaks_after is not None and sent + len(data) > self.breaks_after:
                        client.sendall(data[: self.breaks_after - sent])
                        return
                    client.sendall(data)
                    sent += len(data)
                    self.passed += len(data)
                    if self.rate is not None:
                        time.sleep(len(data) / self.rate)
