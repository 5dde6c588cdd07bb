"""What patches are worth: the days after a night, event by event, with the log of patches and without it.

    python tests/benchmarks/freshness.py --config FILE --date 2017-12-19 --until 2018-01-02 --later 2018-01-02

`--date` names the night whose release is asked (its run must be there, `daybreak run --date …`, and its release served
or named by --release), `--later` a night that knows the events until `--until`: its table `events` is replayed. Before
each basket (the events of a user at one moment) the user's list of 20 is asked for at that moment, from a reader that
has every earlier basket in its log, and from one whose log is empty; then the basket is recorded. Prints NDCG@20 and
Recall@20 of both, a mean over users of the mean over their baskets, and the difference with its paired bootstrap
interval of 95 %, for all baskets and for those after a user's first.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

import lookup
from jobs.config import load
from jobs.evaluate.bootstrap import intervals
from jobs.log import Progress
from jobs.runs import Run

K = 20
DISCOUNTS = 1.0 / np.log2(np.arange(2, K + 2))


def baskets(run: Run, start: date, until: date) -> pl.DataFrame:
    """Baskets in order of time: user_id, time, items (different ids), types and values of the events."""
    items = pl.scan_parquet(run.existing("items") / "*.parquet").select("item", "item_id")
    events = pl.scan_parquet(run.existing("events") / "**/*.parquet", hive_partitioning=False)
    first, last = (datetime(d.year, d.month, d.day) for d in (start, until))
    found = events.with_columns(pl.col("time").dt.replace_time_zone(None))
    found = found.filter((pl.col("time") >= first) & (pl.col("time") < last)).join(items, on="item")
    return (
        found.sort("time", "user_id", "item_id")
        .group_by("user_id", "time", maintain_order=True)
        .agg("item_id", "type", "value")
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
        fresh, stale = (
            lookup.open(releases, pin=arguments.release, patches=Path(folder) / name) for name in ("day", "none")
        )
        if fresh.release.date != arguments.date.isoformat():
            raise SystemExit(f"release {fresh.release.id} is of the night {fresh.release.date}, not {arguments.date}")
        results: dict[str, list[tuple[bool, tuple[float, float], tuple[float, float]]]] = defaultdict(list)
        progress, took = Progress("freshness", "replay", len(found)), 0.0
        for n, (user, moment, items, types, values) in enumerate(found.iter_rows(), 1):
            at = moment.replace(tzinfo=UTC)
            wanted = set(items)
            begun = time.perf_counter()
            now = fresh.recommend(user, K, at=at)
            took += time.perf_counter() - begun
            then = stale.recommend(user, K, at=at)
            results[user].append((bool(results[user]), measures(now, wanted), measures(then, wanted)))
            fresh.record_many(
                {"user_id": user, "item_id": item, "type": kind, "value": value, "at": at.isoformat()}
                for item, kind, value in zip(items, types, values, strict=True)
            )
            progress.at(n)
        del fresh, stale  # before their logs are removed
    print(f"{len(found):,} baskets of {len(results):,} users, {took / len(found) * 1e6:.0f} µs a fresh answer")
    for name, later in (("all baskets", False), ("after the first basket", True)):
        kept = {user: [r for r in rows if r[0] or not later] for user, rows in results.items()}
        users = [rows for rows in kept.values() if rows]
        for column, metric in enumerate(("NDCG@20", "Recall@20")):
            with_, without = (np.array([np.mean([r[side][column] for r in rows]) for rows in users]) for side in (1, 2))
            low, high = intervals((with_ - without)[:, None])
            print(
                f"{name}, {len(users):,} users, {metric}: with patches {with_.mean():.4f}, without "
                f"{without.mean():.4f}, difference {(with_ - without).mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}]"
            )


if __name__ == "__main__":
    main()
