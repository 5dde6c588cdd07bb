"""Releases with a search index, of items that a test names; made without Spark and without a text model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jobs.infra.search_file import FILE, FOLDER
from jobs.models.understanding.build import QuerySources
from jobs.search.build import ItemTable, build_search
from jobs.stages.build import job as build
from jobs.stages.index_search.shop import shop_items
from lookup.release import pointer
from lookup.search import index_file
from tests.releases import FEATURES, Sizes, config_at, pass_validation, rewrite, write_run

SHOP: tuple[dict[str, Any], ...] = (
    {"item_id": "s1", "title": "Acme Bluetooth Speaker Mini", "brand": "Acme", "category": ["Audio", "Speakers"], "price": 29.0},
    {"item_id": "s2", "title": "Zenith Bluetooth Speaker XL", "brand": "Zenith", "category": ["Audio", "Speakers"], "price": 99.0},
    {"item_id": "s3", "title": "Zenith Bookshelf Speakers, pair", "brand": "Zenith", "category": ["Audio", "Speakers"], "price": 149.0},
    {"item_id": "h1", "title": "Acme Bluetooth Headphones", "brand": "Acme", "category": ["Audio", "Headphones"], "price": 49.0},
    {"item_id": "h2", "title": "Headphones with cable", "brand": "Nordic", "category": ["Audio", "Headphones"], "price": 15.0},
    {"item_id": "c1", "title": "Speaker cable 10 m", "brand": "Nordic", "category": ["Audio", "Cables"], "price": 9.0},
    {"item_id": "m1", "title": "Micro SD card 1 TB", "brand": "Acme", "category": ["Computers", "Memory"], "price": 79.0},
    {"item_id": "m2", "title": "microSD card 64 GB", "brand": "Nordic", "category": ["Computers", "Memory"], "price": 12.0},
    {"item_id": "m3", "title": "MicroSD adapter", "brand": "Nordic", "category": ["Computers", "Memory"], "price": 5.0},
    {"item_id": "m4", "title": "Micro SD reader", "brand": "Acme", "category": ["Computers", "Memory"], "price": 19.0},
    {"item_id": "b1", "title": "Bearing 6204-2RS", "brand": "SKF", "category": ["Parts"], "price": 4.0},
    {"item_id": "b2", "title": "Bearing 6205-2RS", "brand": "SKF", "category": ["Parts"], "price": 5.0},
    {"item_id": "t1", "title": "Xerox toner 006R90321", "brand": "Xerox", "category": ["Printing"], "price": 120.0},
    {"item_id": "t2", "title": "Xerox toner 006R90322", "brand": "Xerox", "category": ["Printing"], "price": 130.0},
    {"item_id": "r1", "title": "Ridgid pipe wrench", "brand": "Ridgid", "category": ["Tools"], "price": 35.0},
    {"item_id": "r2", "title": "Rigid plastic board", "brand": "Acme", "category": ["Tools"], "price": 14.0},
    {"item_id": "d1", "title": "Red summer dress", "brand": "Ünder", "category": ["Clothes"], "price": 45.0},
    {"item_id": "d2", "title": "Blue winter coat", "brand": "Ünder", "category": ["Clothes"], "price": 145.0},
    {"item_id": "z1", "title": "無線スピーカー Acme BT-100", "brand": "Acme", "category": ["Audio", "Speakers"], "price": 60.0},
    {"item_id": "z2", "title": "蓝牙音箱", "brand": "Zenith", "category": ["Audio", "Speakers"], "price": 40.0},
)  # fmt: skip
"""A small shop; all in stock."""


def make_searchable(base: Path, items: Sequence[dict[str, Any]] = SHOP, seed: int = 1) -> str:
    """A release of these items with a search index in `base/releases`, announced. Returns its id.

    Each item has `item_id` and `title`; other fields may be missing.
    """
    from tests.releases import by_hash

    sizes = Sizes(items=len(items), users=12, k=8, popular=8)
    config = config_at(base, sizes=sizes)
    write_run(config, seed, sizes)
    known = {item["item_id"]: item for item in items}
    ids = by_hash(list(known))

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            item = known[ids[row["item"]]]
            row |= {"in_stock": True, "category": [], "brand": None, "features": [], "description": None, **item}
            row["text"] = row["title"]

    def only_the_whole_shop(rows: list[dict[str, Any]]) -> None:
        rows[:] = [row for row in rows if row["category"] == ""]

    rewrite(config, "items", change)
    rewrite(config, "popular", only_the_whole_shop)
    write_index(config)
    release_id: str = build.run(None, config)["release"]
    pass_validation(config.releases / release_id)
    pointer.announce(config.releases, release_id)
    return release_id


def write_index(config: Any) -> None:
    """The search index of a run, without an encoder of queries."""
    found = shop_items(config.run, FEATURES)
    sources = QuerySources(
        titles=[texts[0] for texts in found.texts],
        category=found.category,
        brand=found.brand,
        popularity=found.popularity,
        categories=found.categories,
        brands=found.brands,
        values=found.values,
    )
    arrays, facts = build_search(ItemTable(found.texts, np.asarray(found.day), sources))
    with config.run.replacing(FOLDER) as folder:
        folder.mkdir()
        index_file.write(folder / FILE, arrays, {"daybreak": facts.text()})
