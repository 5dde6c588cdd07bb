"""The ports that this process and all below it open while a test runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

import psutil

Port = tuple[str, str, int]
"""Name of the process, address, port."""


@contextmanager
def listening(every: float = 0.05) -> Iterator[set[Port]]:
    """Watch, several times a second, where this process and those below it listen; the set is whole at the end."""
    found: set[Port] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            found.update(_open_now())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join(10)
        found.update(_open_now())


def beyond_loopback(ports: set[Port]) -> list[Port]:
    """Those that another machine can reach."""
    return sorted(port for port in ports if not _is_loopback(port[1]))


def _open_now() -> set[Port]:
    family = {one.pid: one for one in [psutil.Process(), *psutil.Process().children(recursive=True)]}
    found = set()
    for one in psutil.net_connections("inet"):
        if one.status == psutil.CONN_LISTEN and one.pid in family:
            try:
                found.add((family[one.pid].name(), one.laddr.ip, one.laddr.port))
            except psutil.NoSuchProcess:
                found.add(("ended", one.laddr.ip, one.laddr.port))
    return found


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
