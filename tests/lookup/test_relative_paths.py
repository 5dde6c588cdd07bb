"""Relative paths are those of the moment of opening, wherever the process goes later."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

import lookup
from lookup.patches.patch_log import open_log
from lookup.release import pointer
from tests.lookup.conftest import Two
from tests.lookup.patched import wait_for


def test_a_shop_stays_where_it_was_opened(two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(two.releases.parent)
    pointer.announce(two.releases, two.old)
    with closing(lookup.open("releases", patches="log.sqlite")) as shop:
        shown = lookup.ExposureLog("exposures")
        shop.record("user-1", "item-3")
        monkeypatch.chdir(tmp_path / "other")
        shop.record("user-1", "item-5")
        shown.add("user-1", "a", ["item-3"])
        shown.flush()
        pointer.announce(two.releases, two.new)
        wait_for(lambda: shop.release.id == two.new)
        assert shop.problem is None
    assert list((tmp_path / "other").iterdir()) == []
    assert [event.item for event in open_log(two.releases.parent / "log.sqlite").events("user-1", 0)] == [
        "item-3",
        "item-5",
    ]
    shutil.rmtree(two.releases.parent / "exposures")
