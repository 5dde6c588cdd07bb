"""A made shop with a search index: titles of Zipf's frequencies, brands, a tree of categories, prices and patches.

No text model is needed: the vector of a word is made at random around the middle of its category, and that of a title
is the sum of those of its words. So items of a category lie together, as those of a real shop do.
"""

import random
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import lookup
from jobs.models.query_encoder.table import units
from lookup import keys
from lookup.release import pointer
from lookup.scoring.query_encoder import QueryEncoder
from tests.benchmarks.shared.made_words import texts, vocabulary
from tests.benchmarks.shared.shops import kept
from tests.benchmarks.shared.timing import SEED
from tests.searchable import Meaning, make_searchable

DEPARTMENTS = 20
DIMENSIONS = 256
"""Of text vectors, as a shop's own encoder has them by default."""
COLOURS = ("red", "green", "blue", "black", "white", "silver")


class MadeShop(NamedTuple):
    """How large a made shop is."""

    items: int
    words: int
    """Of the language that all categories share; each has a hundred of its own."""
    categories: int
    brands: int
    patched: int
    """Statements on so many items, and so many hundredths of that are added."""


LARGE = MadeShop(items=100_000, words=10_000, categories=200, brands=1_000, patched=10_000)
TOY_SHOP = MadeShop(items=200, words=100, categories=20, brands=20, patched=50)


def searchable(size: MadeShop, base: Path | None = None) -> Path:
    """The folder of releases of a made shop with a search index. base: where; None: in a folder that is kept."""
    base = base or kept(f"search-{size.items}")
    if not (base / "releases" / pointer.CURRENT).exists():
        started = time.monotonic()
        print(f"making a shop of {size.items:,} items in {base} …", flush=True)
        items, words = made_items(size)
        make_searchable(base, items, SEED, meaning=lambda titles: meaning_of(titles, words), users=200)
        print(f"made in {time.monotonic() - started:.0f} s", flush=True)
    return base / "releases"


def made_items(size: MadeShop) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """The items, as `tests.searchable` takes them, and the words of each category, last the shared ones."""
    rng, drawn = random.Random(SEED), np.random.default_rng(SEED)
    every = vocabulary(rng, size.words + 100 * size.categories + size.brands)
    shared, brands = every[: size.words], [word.title() for word in every[-size.brands :]]
    own = [every[size.words + 100 * n :][:100] for n in range(size.categories)]
    of_category = zipf(drawn, size.categories, size.items)
    of_brand, codes = zipf(drawn, size.brands, size.items), drawn.integers(0, 36**4, size.items)
    prices = np.round(drawn.lognormal(3.5, 1.0, size.items), 2)
    general = texts(rng, shared, size.items, (2, 6))
    items = []
    for row in range(size.items):
        category, brand = int(of_category[row]), brands[of_brand[row]]
        special = texts(rng, own[category], 1, (2, 4))[0]
        name = own[category][0]
        code = f" {np.base_repr(int(codes[row]), 36)}-{row % 97}" if row % 4 == 0 else ""
        items.append(
            {
                "item_id": f"item-{row}",
                "title": f"{brand} {special} {general[row]}{code}",
                "brand": brand,
                "category": [f"Department {category % DEPARTMENTS}", f"{name} {own[category][1]}"],
                "price": float(prices[row]),
                "features": [("weight", str(row % 40)), ("colour", COLOURS[row % len(COLOURS)])],
                "events": int(drawn.pareto(1.2) * 5),
            }
        )
    return items, [*own, [*shared, *(brand.lower() for brand in brands)]]


def zipf(drawn: np.random.Generator, kinds: int, n: int) -> NDArray[np.int64]:
    """n draws of 0 … kinds-1, the first the most frequent."""
    weights = 1 / (np.arange(kinds) + 3)
    return drawn.choice(kinds, n, p=weights / weights.sum())


def meaning_of(titles: list[list[str]], words: list[list[str]]) -> Meaning:
    """Vectors of titles, and an encoder of these words. titles: their words. words: of each category, last others."""
    drawn = np.random.default_rng(SEED)
    departments = units(drawn.normal(size=(DEPARTMENTS, DIMENSIONS)).astype(np.float32))
    vector: dict[str, NDArray[np.float32]] = {}
    for place, own in enumerate(words):
        noise = units(drawn.normal(size=(len(own) + 1, DIMENSIONS)).astype(np.float32))
        middle = departments[place % DEPARTMENTS] + noise[-1]
        known = 0.5 * noise[:-1] if place == len(words) - 1 else middle + noise[:-1]
        vector.update(zip(own, known, strict=True))
    hashes, offsets, data = keys.build(vector)
    table = keys.Keys(hashes, offsets, data)
    codes = np.stack([vector[table.id(row)] for row in range(len(table))])
    scales = (np.abs(codes).max(axis=1) / 127).astype(np.float32)
    encoder = {
        "query_token_hash": hashes,
        "query_token_offsets": offsets,
        "query_token_bytes": data,
        "query_token_code": np.rint(codes / scales[:, None]).astype(np.int8),
        "query_token_scale": scales,
    }
    made = QueryEncoder.of(encoder)
    return Meaning(np.stack([made.vector(title) for title in titles]), encoder)


def patch(shop: lookup.Shop, size: MadeShop) -> None:
    """Patches of a day: half of them prices, then stock, brands and hidden items, and added items."""
    rng = random.Random(SEED)
    some = [f"item-{row}" for row in rng.sample(range(size.items), size.patched)]
    kinds: list[dict[str, Any]] = []
    for place, item in enumerate(some):
        told: dict[str, Any] = {"price": round(rng.lognormvariate(3.5, 1.0), 2)}
        if place % 2:
            told = ({"in_stock": False}, {"hidden": True}, {"brand": "Today"})[place // 2 % 3]
        kinds.append({"item_id": item, **told})
    shop.patch_items(kinds)
    titles = [(shop.item(item) or {})["title"] for item in some[: size.patched // 100]]
    shop.add_items({"item_id": f"new-{n}", "title": title, "price": 20.0} for n, title in enumerate(titles))
