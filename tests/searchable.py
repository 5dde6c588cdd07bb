"""Releases with a search index, of items that a test names; made without Spark and without a text model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.models.query_log import lessons
from jobs.models.query_log.log import read_log
from jobs.models.understanding.build import QuerySources
from jobs.search.build import ItemTable, build_search
from jobs.search.search_file import FILE, FOLDER
from jobs.stages.build import job as build
from jobs.stages.index_search.log import ShopLog
from jobs.stages.index_search.shop import shop_items
from lookup.release import pointer
from lookup.search import index_file
from lookup.text.analyzer import Analyzer
from tests.jobs.models.query_log import logs
from tests.releases import config_at, pass_validation, rewrite
from tests.run_tables import FEATURES, Sizes, by_hash, write_run

_AUDIO, _MEMORY = "Audio", ["Computers", "Memory"]
_ROWS: tuple[tuple[str, str, str, list[str], float], ...] = (
    ("s1", "Acme Bluetooth Speaker Mini", "Acme", [_AUDIO, "Speakers"], 29.0),
    ("s2", "Zenith Bluetooth Speaker XL", "Zenith", [_AUDIO, "Speakers"], 99.0),
    ("s3", "Zenith Bookshelf Speakers, pair", "Zenith", [_AUDIO, "Speakers"], 149.0),
    ("h1", "Acme Bluetooth Headphones", "Acme", [_AUDIO, "Headphones"], 49.0),
    ("h2", "Headphones with cable", "Nordic", [_AUDIO, "Headphones"], 15.0),
    ("c1", "Speaker cable 10 m", "Nordic", [_AUDIO, "Cables"], 9.0),
    ("m1", "Micro SD card 1 TB", "Acme", _MEMORY, 79.0),
    ("m2", "microSD card 64 GB", "Nordic", _MEMORY, 12.0),
    ("m3", "MicroSD adapter", "Nordic", _MEMORY, 5.0),
    ("m4", "Micro SD reader", "Acme", _MEMORY, 19.0),
    ("b1", "Bearing 6204-2RS", "SKF", ["Parts"], 4.0),
    ("b2", "Bearing 6205-2RS", "SKF", ["Parts"], 5.0),
    ("t1", "Xerox toner 006R90321", "Xerox", ["Printing"], 120.0),
    ("t2", "Xerox toner 006R90322", "Xerox", ["Printing"], 130.0),
    ("r1", "Ridgid pipe wrench", "Ridgid", ["Tools"], 35.0),
    ("r2", "Rigid plastic board", "Acme", ["Tools"], 14.0),
    ("d1", "Red summer dress", "Ünder", ["Clothes"], 45.0),
    ("d2", "Blue winter coat", "Ünder", ["Clothes"], 145.0),
    ("z1", "無線スピーカー Acme BT-100", "Acme", [_AUDIO, "Speakers"], 60.0),
    ("z2", "蓝牙音箱", "Zenith", [_AUDIO, "Speakers"], 40.0),
)
SHOP: tuple[dict[str, Any], ...] = tuple(
    {"item_id": item, "title": title, "brand": brand, "category": category, "price": price}
    for item, title, brand, category, price in _ROWS
)
"""A small shop; all in stock."""


class Meaning(NamedTuple):
    """What a search by meaning needs."""

    vectors: NDArray[np.float32]
    """(I, E), of length 1."""
    encoder: Mapping[str, NDArray[Any]]
    """`lookup.scoring.query_encoder.ARRAYS`."""


MakeMeaning = Callable[[list[list[str]]], Meaning]
"""From the words of the titles, in the order of rows."""


def make_searchable(
    base: Path,
    items: Sequence[dict[str, Any]] = SHOP,
    seed: int = 1,
    meaning: MakeMeaning | None = None,
    users: int = 12,
) -> str:
    """A release of these items with a search index in `base/releases`, announced. Returns its id.

    Each item has `item_id` and `title`; other fields may be missing. meaning: makes the vectors of items and an encoder
    of queries; None: there is no search by meaning.
    """
    sizes = Sizes(items=len(items), users=users, k=8, popular=8)
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
    write_index(config, meaning)
    release_id: str = build.run(None, config)["release"]
    pass_validation(config.releases / release_id)
    pointer.announce(config.releases, release_id)
    return release_id


def make_release_with_search(base: Path, seed: int, night: date) -> str:
    """As `tests.releases.make_release`, with a search index of the random items and a query log. Returns its id.

    In the log people search for the title of the first item in stock, and for a lamp, of which there is none.
    """
    config = config_at(base, night)
    write_run(config, seed, Sizes())
    found = shop_items(config.run, FEATURES)
    title = found.texts[int(np.argmax(found.now.in_stock))][0]
    write_index(
        config,
        log=logs.rows(
            logs.row(title, "user-1", 0, 0, position=2, results=3),
            logs.row(title, "user-2", 60, results=3),
            logs.row("lamp", "user-2", 9000, results=0),
        ),
    )
    release_id: str = build.run(None, config)["release"]
    pass_validation(config.releases / release_id)
    pointer.announce(config.releases, release_id)
    return release_id


def write_index(config: Any, meaning: MakeMeaning | None = None, log: pl.DataFrame | None = None) -> None:
    """The search index of a run; without an encoder of queries where none is made.

    log: rows of table `searches`, whose queries get lists and stand in the catalog.
    """
    read = read_log(logs.rows() if log is None else log)
    searched = ShopLog(read, lessons.queries(read), lessons.days(read))
    found = shop_items(config.run, FEATURES)
    sources = QuerySources(
        titles=[texts[0] for texts in found.texts],
        category=found.category,
        brand=found.brand,
        popularity=found.popularity,
        categories=found.categories,
        brands=found.brands,
        values=found.values,
        queries=dict(searched.queries.select("query", pl.col("searches").cast(pl.Float64)).iter_rows()),
    )
    table = ItemTable(found.texts, np.asarray(found.day), sources, now=found.now)
    if meaning is not None:
        tokens = Analyzer().tokens
        made = meaning([[token.text for token in tokens(texts[0])] for texts in found.texts])
        table = replace(table, vectors=made.vectors, encoder=made.encoder)
    arrays, facts = build_search(table)
    with config.run.replacing(FOLDER) as folder:
        folder.mkdir()
        index_file.write(folder / FILE, arrays, {"daybreak": facts.text()})
        if log is not None:
            searched.write(folder)
