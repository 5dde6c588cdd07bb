"""What pictures may be read from: http(s) on public hosts, and files below one folder. Everything else is refused.

An address comes from the shop's data, which anybody may have written who sells there. Without these rules it could make
the night read its own files, or ask what only machines of its network may (server-side request forgery).
"""

import ipaddress
import socket
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

LONGEST = 2048
"""Characters of an address."""
SCHEMES = {"http": 80, "https": 443}
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""Addresses of IPv6 that stand for one of IPv4 (RFC 6052)."""


class PictureError(ValueError):
    """A picture cannot be used; the message is the reason, without the address."""


class Url(NamedTuple):
    """An http(s) address, taken apart."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query, as a request names them."""

    @property
    def name(self) -> str:
        """The host as a request names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"


def is_url(address: str) -> bool:
    """Whether an address names a scheme, so that it is no path."""
    return "://" in address or address.lower().startswith(("data:", "javascript:", "file:"))


def checked_url(address: str) -> Url:
    """Take an http(s) address apart. Raises PictureError where it is none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise PictureError("no address that can be read") from None
    if parts.scheme not in SCHEMES:
        raise PictureError("only http, https and paths are read")
    if parts.username is not None or parts.password is not None:
        raise PictureError("the address holds a user or a password")
    host = _ascii(parts.hostname)
    return Url(parts.scheme, host, SCHEMES[parts.scheme] if port is None else port, _target(parts))


def public_ip(url: Url, private: bool) -> str:
    """The IP address to connect to. It is looked up once, so that what was checked is what is asked.

    private: allow any address. Raises PictureError where the host has none, or one that is not public.
    """
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise PictureError("its host is not known") from None
    ips = [str(one[4][0]) for one in found]
    if not private and not all(map(_is_public, ips)):
        raise PictureError("its host is not public; images.private = true allows it")
    return ips[0]


def checked_path(address: str, folder: Path) -> Path:
    """The file of a path, relative to the folder. Raises PictureError where it is not below the folder, once links are
    followed.
    """
    try:
        root = folder.resolve()
        path = (root / address).resolve()
    except (OSError, ValueError, RuntimeError):
        raise PictureError("no path that can be read") from None
    if not path.is_relative_to(root):
        raise PictureError("its file is outside of images.folder")
    return path


def _is_public(ip: str) -> bool:
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return address.is_global and not address.is_multicast


def _ascii(host: str | None) -> str:
    try:
        return (host or "").encode("idna").decode("ascii") or _none()
    except UnicodeError:
        raise PictureError("no address that can be read") from None


def _none() -> str:
    raise PictureError("the address names no host")


def _target(parts: SplitResult) -> str:
    """Path and query with only the characters that a request line may have."""
    from urllib.parse import quote

    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{target}?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else target
