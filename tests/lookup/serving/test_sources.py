"""Every retrieval source is named once, documented, and given by some call."""

import re
from pathlib import Path
from typing import get_args

import lookup
from lookup.serving.hit import SOURCES, SourceName
from tests.lookup.conftest import Two
from tests.lookup.patched import opened
from tests.lookup.reshard import reshard
from tests.searchable import make_searchable

MANUAL = Path(__file__).parents[3] / "lookup" / "README.md"


def test_every_source_is_documented() -> None:
    assert set(get_args(SourceName)) == set(SOURCES)
    assert all(SOURCES.values())


def test_the_manual_has_every_source() -> None:
    section = MANUAL.read_text(encoding="utf-8").split("## Where hits come from")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(SOURCES)


def test_calls_give_every_source_and_no_other(built: Two, tmp_path: Path) -> None:
    shop = opened(built.releases, tmp_path)
    make_searchable(tmp_path / "search")
    reshard(built.releases / built.new, tmp_path / "sharded", 2)
    searches = lookup.open(tmp_path / "search" / "releases")
    given = {
        hit.source
        for hits in (
            shop.recommend("user-1"),
            shop.recommend("user-1", 60, pins=[f"item-{n}" for n in range(9)]),
            shop.recommend("user-1", 60, history=["item-3"]),
            shop.recommend("nobody", 5),
            shop.similar("item-3", 60),
            shop.popular(60, "FOOD"),
            shop.buy_again("user-1"),
            lookup.open(tmp_path / "sharded", shards=[]).recommend("user-1"),
            searches.search("bluetooth speaker"),
            searches.search("bluetoth speker"),
            searches.search("micro sd reader"),
        )
        for hit in hits
    }
    assert given == set(SOURCES), "a source lacks its name in lookup/serving/hit.py, or a call here that gives it"
