"""Shops with a log of their own, and what a test needs to patch them at will."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lookup
from lookup.sealed import sealed
from lookup.shop import Shop

SECOND = 1_000_000
PATIENCE = 60.0


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def absorbing(release: Path, position: int, log: dict[str, str] | None = None) -> None:
    """Let a release say that it has absorbed a log up to a position, and that it was built after the log began."""
    path = release / "manifest.json"
    said = {"patches_until": position, "patches_log": log, "created": "2100-01-01T00:00:00+00:00"}
    path.write_text(sealed(json.loads(path.read_text()) | said))


def shown(shop: Shop, **asked: Any) -> list[str]:
    """The ids of everything that may be shown."""
    return [hit.item_id for hit in shop.popular(1000, **asked)]


def opened(releases: Path, log: Path, **options: Any) -> Shop:
    """A shop with its log elsewhere, and so one that starts empty."""
    return lookup.open(releases, patches=log / "log.sqlite", **options)


def wait_for(what: Callable[[], Any]) -> None:
    """Until it is so; fails when that takes too long."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)
