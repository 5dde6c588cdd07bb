"""The bytes of a picture, by http(s) or from a file, within limits on size and time."""

import http.client
import os
import socket
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urljoin

from jobs.infra.pictures.guard import LONGEST, PictureError, Url, checked_path, checked_url, is_url, public_ip

MOST_REDIRECTS = 3
CHUNK = 64 << 10
HEADERS = {"User-Agent": "daybreak", "Accept": "image/jpeg,image/png,image/webp", "Accept-Encoding": "identity"}
NO_TIME = "not fetched: images.minutes were over"


@dataclass(frozen=True)
class Fetcher:
    """Reads pictures. It is cheap to send to a Spark task."""

    folder: Path
    """Files below it may be read."""
    max_bytes: int
    seconds: float
    """For one picture; the system's own look-up of a host name may take longer where nobody answers it."""
    until: float
    """Seconds since 1970: when the time for all is over."""
    private: bool = False
    """Ask hosts of private networks, too."""

    def fetch_all(self, addresses: list[str], threads: int) -> list[bytes | str]:
        """The bytes of each picture, or the reason as text why there are none."""
        with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
            return list(pool.map(self._bytes_or_reason, addresses))

    def fetch(self, address: str) -> bytes:
        """The bytes of a picture. Raises PictureError with the reason why there are none."""
        left = self.until - time.time()
        if left <= 0:
            raise PictureError(NO_TIME)
        if not address or len(address) > LONGEST or not address.isprintable():
            raise PictureError("no address that can be read")
        if not is_url(address):
            return self._read(checked_path(address, self.folder))
        deadline = time.monotonic() + min(self.seconds, left)
        try:
            return self._get(checked_url(address), deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, PictureError):
                raise
            if time.monotonic() >= deadline:
                raise PictureError(f"it took longer than {self.seconds:g} seconds") from None
            raise PictureError(_in_words(error)) from None

    def _bytes_or_reason(self, address: str) -> bytes | str:
        try:
            return self.fetch(address)
        except PictureError as error:
            return str(error)

    def _read(self, path: Path) -> bytes:
        try:
            with open(path, "rb", opener=_at_once) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise PictureError("no plain file")
                return self._bounded(file.read(self.max_bytes + 1))
        except (OSError, ValueError) as error:
            if isinstance(error, PictureError):
                raise
            gone = isinstance(error, FileNotFoundError)
            raise PictureError("there is no such file" if gone else "the file is not readable") from None

    def _get(self, url: Url, deadline: float) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            with _asked(url, public_ip(url, self.private), deadline) as response:
                if response.status == http.client.OK:
                    return self._body(response, deadline)
                if response.status not in (301, 302, 303, 307, 308):
                    raise PictureError(f"the host answered {response.status}")
                url = _redirected(url, response.getheader("Location"))
        raise PictureError(f"more than {MOST_REDIRECTS} redirects")

    def _body(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        if (response.getheader("Content-Encoding") or "identity").lower() != "identity":
            raise PictureError("the host packed it although it was asked not to")
        if response.length is not None and response.length > self.max_bytes:
            raise self._too_large
        body = bytearray()
        while chunk := response.read1(CHUNK):
            body += chunk
            self._bounded(body)
            _in_time(deadline)
        _in_time(deadline)  # what was cut off looks as if it had ended
        if response.length:  # what the host promised and did not send
            raise PictureError("the host broke off")
        return bytes(body)

    def _bounded(self, body: bytes | bytearray) -> bytes:
        if len(body) > self.max_bytes:
            raise self._too_large
        return bytes(body) if isinstance(body, bytearray) else body

    @property
    def _too_large(self) -> PictureError:
        return PictureError(f"larger than {self.max_bytes:,} bytes")


class _Connection(http.client.HTTPConnection):
    """A connection to an IP address that was checked; the certificate must be that of the host."""

    def __init__(self, url: Url, ip: str, seconds: float):
        super().__init__(url.host, url.port, timeout=seconds)
        self._url, self._ip = url, ip
        self._kept: socket.socket | None = None

    def connect(self) -> None:
        self.sock = socket.create_connection((self._ip, self.port), self.timeout)
        if self._url.scheme == "https":  # the timeout is that of the whole handshake
            self.sock = _certificates().wrap_socket(self.sock, server_hostname=self.host)
        self._kept = self.sock  # `getresponse` hands the socket over to the response, and forgets it

    def cut(self) -> None:
        """End what waits for the host, from another thread."""
        if self._kept is not None:
            with suppress(OSError):
                self._kept.shutdown(socket.SHUT_RDWR)


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for anybody to write to it, as a named pipe would."""
    return os.open(path, flags | os.O_NONBLOCK)


def _in_time(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise TimeoutError


@contextmanager
def _asked(url: Url, ip: str, deadline: float) -> Iterator[http.client.HTTPResponse]:
    """The answer of a host. A host that drips bytes is cut off at the deadline: timeouts of sockets begin anew with
    each of them.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection = _Connection(url, ip, left)
    timer = threading.Timer(left, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        connection.request("GET", url.target, headers={"Host": url.name, **HEADERS})
        response = connection.getresponse()
        _in_time(deadline)  # headers that were cut off look complete
        yield response
    finally:
        timer.cancel()
        connection.close()


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()


def _redirected(url: Url, location: str | None) -> Url:
    """Where a host sends us to: the same host, and never from https to http."""
    if not location:
        raise PictureError("the host redirects to nowhere")
    new = checked_url(urljoin(f"{url.scheme}://{url.name}{url.target}", location))
    if new.host != url.host or (url.scheme, new.scheme) == ("https", "http"):
        raise PictureError("the host redirects to another")
    return new


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "the host's certificate is not right"
    if isinstance(error, ConnectionRefusedError):
        return "the host refuses connections"
    if isinstance(error, OSError):
        return "the host cannot be reached"
    return "the host does not speak HTTP"
