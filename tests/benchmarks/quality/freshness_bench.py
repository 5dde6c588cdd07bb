"""What patches are worth: the days after a night, event by event, with the patch log and without it.

    python -m tests.benchmarks freshness --config FILE --date 2017-12-19 --until 2018-01-02 --later 2018-01-02

--date names the night whose release is asked: it must be served, or named by --release. --later names a night whose
table `events` reaches until --until, and is replayed. Without --config both are made from the demo's data.

A basket is the events of a user at one moment. Before each basket three readers are asked for the user's list of 20 at
that moment: one with an empty patch log, one with every earlier basket in its log, and one that also has, for each
item, the mean price paid on the last earlier day. Then the basket is recorded. Prints NDCG@20 and Recall@20, a mean
over users of the mean over their baskets, and the differences with their paired bootstrap intervals of 95 %: for all
baskets, and for those after a user's first.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

import lookup
from jobs.config.loader import load
from jobs.evaluation.metrics.bootstrap import intervals
from jobs.infra.logging import Progress
from jobs.infra.runs import Run
from tests.benchmarks.shared.shops import TOY, earlier_night, toy_config, write_ingested
from tests.benchmarks.shared.timing import options
from tests.releases import make_release

K = 20
NOTHING, EVENTS, PRICES = READERS = ("without patches", "with events", "with events and prices")
DISCOUNTS = 1.0 / np.log2(np.arange(2, K + 2))


def baskets(run: Run, start: date, until: date) -> pl.DataFrame:
    """Baskets in order of time: user_id, time, and of each event the item_id, type, value and price (or null)."""
    items = pl.scan_parquet(run.existing("items") / "*.parquet").select("item", "item_id")
    events = pl.scan_parquet(run.existing("events") / "**/*.parquet", hive_partitioning=False)
    first, last = (datetime(d.year, d.month, d.day) for d in (start, until))
    found = events.with_columns(pl.col("time").dt.replace_time_zone(None))
    found = found.filter((pl.col("time") >= first) & (pl.col("time") < last)).join(items, on="item")
    return (
        found.sort("time", "user_id", "item_id")
        .group_by("user_id", "time", maintain_order=True)
        .agg("item_id", "type", "value", "price")
        .collect()
    )


def measures(hits: list[lookup.Hit], wanted: set[str]) -> tuple[float, float]:
    """NDCG@20 and Recall@20."""
    there = np.array([hit.item_id in wanted for hit in hits], dtype=float)
    best = DISCOUNTS[: min(len(wanted), K)].sum()
    return float((there * DISCOUNTS[: len(there)]).sum() / best), float(there.sum() / len(wanted))


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("--config", type=Path, help="default: the demo's")
    parser.add_argument("--date", type=date.fromisoformat, default=date(2017, 12, 19))
    parser.add_argument("--until", type=date.fromisoformat, default=date(2018, 1, 2))
    parser.add_argument("--later", type=date.fromisoformat, default=date(2018, 1, 2))
    parser.add_argument("--release", help="its id (default: the one that is served)")
    given = parser.parse_args(argv)
    if given.toy:
        with tempfile.TemporaryDirectory() as folder:
            measure(*toy_nights(Path(folder)))
    else:
        config = given.config or earlier_night(given.date, given.later)
        measure(config, given.date, given.until, given.later, given.release)
    return 0


def toy_nights(base: Path) -> tuple[Path, date, date, date, None]:
    """A made release, and a run of six days later; what `measure` takes."""
    night = date(2025, 11, 22)
    later = night + timedelta(days=6)
    config = toy_config(base)
    make_release(base, sizes=TOY, night=night)
    write_ingested(load(config, later).run, TOY, days=6)
    return config, night, later, later, None


def measure(config: Path, night: date, until: date, later: date, pin: str | None) -> None:
    """Replay the days and print."""
    releases = load(config, night).releases
    found = baskets(load(config, later).run, night, until)
    with tempfile.TemporaryDirectory() as folder:
        shops = {
            name: lookup.open(releases, pin=pin, patches=Path(folder) / f"{n}.sqlite") for n, name in enumerate(READERS)
        }
        asked = shops[NOTHING].release
        if asked.date != night.isoformat():
            raise SystemExit(f"release {asked.id} is of the night {asked.date}, not {night}; --release names another")
        results = replay(shops, found)
        for shop in shops.values():
            shop.close()  # before the folder of their logs is removed
    print(f"{len(found):,} baskets of {len(results):,} users")
    for name, first in (("all baskets", 0), ("after the first basket", 1)):
        means = [np.array(rows[first:]).mean(axis=0) for rows in results.values() if rows[first:]]
        every = np.stack(means)  # users, readers, metrics
        for column, metric in enumerate(("NDCG@20", "Recall@20")):
            told = f"{name}, {len(every):,} users, {metric}: {NOTHING} {every[:, 0, column].mean():.4f}"
            for place, reader in list(enumerate(READERS))[1:]:
                more = every[:, place, column] - every[:, 0, column]
                low, high = intervals(more[:, None])
                told += f"; {reader} {every[:, place, column].mean():.4f}, "
                told += f"{more.mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}]"
            print(told)


def replay(shops: dict[str, lookup.Shop], found: pl.DataFrame) -> dict[str, list[list[tuple[float, float]]]]:
    """The measures of every reader, basket by basket, for each user."""
    results: dict[str, list[list[tuple[float, float]]]] = defaultdict(list)
    progress = Progress("freshness", "replay", len(found))
    today, paid = found["time"][0].date(), defaultdict(list)
    for n, (user, moment, *basket) in enumerate(found.iter_rows(), 1):
        at = moment.replace(tzinfo=UTC)
        if at.date() > today:
            shops[PRICES].patch_items(
                {
                    "item_id": item,
                    "price": np.mean(prices),
                    "at": datetime.combine(at, datetime.min.time(), UTC).isoformat(),
                }
                for item, prices in paid.items()
            )
            today, paid = at.date(), defaultdict(list)
        results[user].append([measures(shop.recommend(user, K, at=at), set(basket[0])) for shop in shops.values()])
        events = [
            {"user_id": user, "item_id": item, "type": kind, "value": value, "at": at.isoformat()}
            for item, kind, value in zip(*basket[:3], strict=True)
        ]
        for item, price in zip(basket[0], basket[3], strict=True):
            if price is not None:
                paid[item].append(price)
        shops[EVENTS].record_many(events)
        shops[PRICES].record_many(events)
        progress.at(n)
    return results
