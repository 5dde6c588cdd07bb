"""What patches are worth: the days after a night, event by event, with the log of patches and without it.

    python tests/benchmarks/freshness.py --config FILE --date 2017-12-19 --until 2018-01-02 --later 2018-01-02

`--date` names the night whose release is asked (its run must be there, `daybreak run --date …`, and its release served
or named by --release), `--later` a night that knows the events until `--until`: its table `events` is replayed. Before
each basket (the events of a user at one moment) the user's list of 20 is asked for at that moment, from a reader whose
log is empty, from one that has every earlier basket in its log, and from one that also has, for each item, the mean
price that was paid for it on the last earlier day; then the basket is recorded. Prints NDCG@20 and Recall@20, a mean
over users of the mean over their baskets, and the differences with their paired bootstrap intervals of 95 %, for all
baskets and for those after a user's first.
"""

import argparse
import tempfile
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

import lookup
from jobs.config.loader import load
from jobs.evaluation.metrics.bootstrap import intervals
from jobs.infra.logging import Progress
from jobs.infra.runs import Run

K = 20
NOTHING, EVENTS, PRICES = READERS = ("without patches", "with events", "with events and prices")
DISCOUNTS = 1.0 / np.log2(np.arange(2, K + 2))


def baskets(run: Run, start: date, until: date) -> pl.DataFrame:
    """Baskets in order of time: user_id, time, and of the events the item_id, type, value and price, if it has one."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--date", type=date.fromisoformat, required=True)
    parser.add_argument("--until", type=date.fromisoformat, required=True)
    parser.add_argument("--later", type=date.fromisoformat, required=True)
    parser.add_argument("--release", help="its id (default: the one in place)")
    arguments = parser.parse_args()
    releases = load(arguments.config, arguments.date).releases
    found = baskets(load(arguments.config, arguments.later).run, arguments.date, arguments.until)
    with tempfile.TemporaryDirectory() as folder:
        shops = {
            name: lookup.open(releases, pin=arguments.release, patches=Path(folder) / f"{n}.sqlite")
            for n, name in enumerate(READERS)
        }
        night = shops[NOTHING].release
        if night.date != arguments.date.isoformat():
            raise SystemExit(f"release {night.id} is of the night {night.date}, not {arguments.date}")
        results = replay(shops, found)
        del shops  # before their logs are removed
    print(f"{len(found):,} baskets of {len(results):,} users")
    for name, later in (("all baskets", False), ("after the first basket", True)):
        kept = [np.array(rows[later:]).mean(axis=0) for rows in results.values() if rows[later:]]
        every = np.stack(kept)  # users, readers, metrics
        for column, metric in enumerate(("NDCG@20", "Recall@20")):
            told = f"{name}, {len(every):,} users, {metric}: {NOTHING} {every[:, 0, column].mean():.4f}"
            for place, reader in list(enumerate(READERS))[1:]:
                more = every[:, place, column] - every[:, 0, column]
                low, high = intervals(more[:, None])
                told += f"; {reader} {every[:, place, column].mean():.4f}, "
                told += f"{more.mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}]"
            print(told)


def replay(shops: dict[str, lookup.Shop], found: pl.DataFrame) -> dict[str, list[list[tuple[float, float]]]]:
    """By user, of every basket the measures of every reader."""
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


if __name__ == "__main__":
    main()
