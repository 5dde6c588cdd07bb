"""Pictures are fetched within limits, from public hosts and from files below one folder, and from nothing else."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.infra.pictures.fetch import NO_TIME, Fetcher
from jobs.infra.pictures.guard import PictureError, checked_url, public_ip

LATER = 4e9
BODY = b"\xff\xd8\xff a picture"
DRIPS = {
    "drips-headers": (b"", b"X-Slow: 1\r\n"),
    "drips-a-size": (b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "drips-a-body": (b"Connection: close\r\n\r\n", b"x"),
}
"""What a host sends at once, and then bit by bit."""


class Host(BaseHTTPRequestHandler):
    """Answers as a path says."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.headers["Host"])
        kind = self.path.strip("/").partition("?")[0]
        if kind.startswith("to-"):
            where = {"to-picture": "/picture", "to-other": "http://other.test/picture", "to-itself": "/to-itself"}[kind]
            self.send_response(302)
            self.send_header("Location", where)
            self.end_headers()
        elif kind == "gone":
            self.send_error(404)
        elif kind in DRIPS:
            head, drop = DRIPS[kind]
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + head)
            with suppress(OSError):
                for _ in range(100):
                    self.wfile.write(drop)
                    time.sleep(0.05)
        else:
            body = BODY * (100 if kind in ("large", "endless") else 1)
            self.send_response(200)
            if kind == "packed":
                self.send_header("Content-Encoding", "gzip")
            if kind != "endless":
                self.send_header("Content-Length", str(len(body) + (9 if kind == "short" else 0)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    Host.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fetcher(folder: Path, **options: object) -> Fetcher:
    return Fetcher(folder, **{"max_bytes": 500, "seconds": 5.0, "until": LATER, "private": True, **options})  # type: ignore[arg-type]


def test_pictures_of_a_host_come_in_order_with_reasons_for_the_others(host: str, tmp_path: Path) -> None:
    said = {
        "picture?of=ä b": BODY,
        "to-picture": BODY,
        "gone": "the host answered 404",
        "large": "larger than 500 bytes",
        "endless": "larger than 500 bytes",
        "packed": "the host packed it although it was asked not to",
        "short": "the host broke off",
        "to-other": "the host redirects to another",
        "to-itself": "more than 3 redirects",
    }
    found = fetcher(tmp_path).fetch_all([f"{host}/{path}" for path in said], threads=3)
    assert dict(zip(said, found, strict=True)) == said
    assert set(Host.asked) == {host.removeprefix("http://")}


@pytest.mark.parametrize("kind", DRIPS)
def test_a_host_that_drips_is_cut_off_at_the_deadline(host: str, tmp_path: Path, kind: str) -> None:
    started = time.monotonic()
    assert fetcher(tmp_path, seconds=0.2).fetch_all([f"{host}/{kind}"], 1) == ["it took longer than 0.2 seconds"]
    assert time.monotonic() - started < 3


def test_after_the_last_minute_nothing_is_asked(host: str, tmp_path: Path) -> None:
    Host.asked.clear()
    assert fetcher(tmp_path, until=time.time() - 1).fetch_all([f"{host}/picture"], 1) == [NO_TIME]
    assert Host.asked == []


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert fetcher(tmp_path).fetch_all([f"http://127.0.0.1:{port}/"], 1) == ["the host refuses connections"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
     "0.0.0.0", "2130706433", "224.0.0.1", "[fd00::1]"],
)  # fmt: skip
def test_no_private_host_is_asked(address: str, tmp_path: Path) -> None:
    (reason,) = fetcher(tmp_path, private=False).fetch_all([f"http://{address}/"], 1)
    assert reason == "its host is not public; images.private = true allows it"


def test_one_private_address_of_a_host_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "192.168.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(PictureError, match="not public"):
        public_ip(checked_url("http://shop.test/"), private=False)
    assert public_ip(checked_url("http://shop.test/"), private=True) == "8.8.8.8"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("file:///etc/passwd", "only http, https and paths are read"),
        ("ftp://a.test/b", "only http, https and paths are read"),
        ("data:image/png;base64,AA", "only http, https and paths are read"),
        ("http://me:secret@a.test/b", "the address holds a user or a password"),
        ("http://a.test:99999/b", "no address that can be read"),
        ("http:///b", "the address names no host"),
        ("http://a.test/" + "b" * 3000, "no address that can be read"),
        ("", "no address that can be read"),
        ("a\nb.png", "no address that can be read"),
        ("../outside.png", "its file is outside of images.folder"),
        ("/etc/passwd", "its file is outside of images.folder"),
        ("link.png", "its file is outside of images.folder"),
        ("none.png", "there is no such file"),
        ("sub", "the file is not readable"),
        ("pipe", "no plain file"),
        ("large.png", "larger than 500 bytes"),
    ],
)
def test_what_is_refused(address: str, reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(BODY)
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "large.png").write_bytes(b"x" * 501)
    os.mkfifo(folder / "pipe")  # opened as a file is, it would wait for somebody who writes
    assert fetcher(folder).fetch_all([address], 1) == [reason]


def test_a_file_below_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a ü.png").write_bytes(BODY)
    assert fetcher(tmp_path).fetch("a ü.png") == BODY
    assert fetcher(tmp_path).fetch(str(tmp_path / "a ü.png")) == BODY


@settings(deadline=None)
@given(st.text(max_size=40) | st.text(max_size=30).map(lambda text: f"http://{text}"))
def test_any_text_has_a_reason(address: str) -> None:
    """No host is asked: none of these is known, or the time is over."""
    (found,) = Fetcher(Path("/nowhere"), 10, 0.01, 0.0).fetch_all([address], 1)
    assert found == NO_TIME
    with suppress(PictureError):  # and nothing else
        checked_url(address)
