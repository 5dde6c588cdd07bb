"""Whether the price of the day says what people take again: purchases of the demo's data, week after week.

    python -m tests.benchmarks prices

A pair is a user who shops in a week, and an item that the user had before it. Logistic regressions on the weeks before
TESTED say whether the user takes it: by how often and when the user took it and how often people take it again, and
with the price beside it, as a logarithm to what it usually was in the weeks before. Items that are sold in nearly every
week alone: else that a price is known would say that somebody bought it. The price of the week is what a shop's patches
say; the price of the last week is all that a night knows of it where nothing is patched.
"""

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.config.loader import load
from jobs.evaluation.metrics.bootstrap import intervals
from jobs.infra.runs import Run
from jobs.infra.tables import EVENTS
from jobs.models.repertoire import logistic
from tests.benchmarks.shared.shops import TOY, demo, toy_config, write_ingested
from tests.benchmarks.shared.timing import options, table

LAST = date(2018, 1, 2)
"""The demo's night."""
LEARNED, TESTED = 22, 8
"""The weeks before the night that are learned from, and the last ones."""
USUAL = 8
"""Weeks whose median price is the usual one."""
SOLD = 3
"""A price counts where the item was sold so many times in the week."""
HALF_LIFE = 13.0
"""In weeks, of purchases."""
SHOWN = 10
PAIR = ["user_id", "item"]
PLAIN = ["count", "since", "again"]
WAYS = {"without prices": [], "price of the last week": ["before"], "price of the week": ["now"]}


def weeks_of(run: Run) -> pl.DataFrame:
    """The purchases of a run, with the number of their week; the last week before the night has the number 0."""
    last = pl.lit((run.date - date(1970, 1, 1)).days - 1)
    events = pl.read_parquet(run.path(EVENTS.name) / "**" / "*.parquet", columns=[*PAIR, "time", "price"])
    return events.with_columns(week=-((last - pl.col("time").dt.epoch("d")) // 7))


def prices(events: pl.DataFrame) -> pl.DataFrame:
    """Of each item and week, how its price (now) and that of the week before compare with the usual one."""
    weeks = LEARNED + TESTED + USUAL
    sold = events.filter(pl.col("week") > -weeks).drop_nulls("price").group_by("item", "week")
    weekly = sold.agg(price=pl.col("price").median(), sold=pl.len()).filter(pl.col("sold") >= SOLD)
    steady = weekly.group_by("item").agg(weeks=pl.len()).filter(pl.col("weeks") >= weeks - 2)
    price, before = pl.col("price"), pl.col("price").shift(1)
    usual = before.rolling_median(USUAL, min_samples=USUAL // 2)
    earlier = price.shift(2).rolling_median(USUAL, min_samples=USUAL // 2)
    return (
        weekly.join(steady, on="item", how="semi")
        .sort("item", "week")
        .with_columns(now=(price / usual).log().over("item"), before=(before / earlier).log().over("item"))
        .drop_nulls(["now", "before"])
    )


def pairs(events: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The pairs of all weeks that are learned from or tested, with their features and whether they were taken."""
    events = events.filter(pl.col("item").is_in(known["item"].implode()))
    found = []
    for week in range(1 - LEARNED - TESTED, 1):
        past = events.filter(pl.col("week") < week)
        ago = week - pl.col("week")
        had = past.group_by(PAIR).agg(count=(0.5 ** (ago / HALF_LIFE)).sum().log1p(), since=ago.min().log1p())
        now = events.filter(pl.col("week") == week)
        again = had.join(now.select(PAIR).unique().with_columns(taken=1), on=PAIR, how="left")
        found.append(
            again.join(now.select("user_id").unique(), on="user_id", how="semi")
            .join(known.filter(pl.col("week") == week).select("item", "week", "now", "before"), on="item")
            .with_columns(pl.col("taken").fill_null(0), pl.col("since").cast(pl.Float64))
        )
    made = pl.concat(found)
    learned = made.filter(pl.col("week") <= -TESTED).group_by("item")
    share = learned.agg(again=(pl.col("taken").sum() + 2) / (pl.len() + 40))
    return made.join(share.with_columns((pl.col("again") / (1 - pl.col("again"))).log()), on="item")


def ndcg(tested: pl.DataFrame, odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """NDCG of the items that each user takes again in each week."""
    ranked = tested.select("user_id", "week", "taken").with_columns(odds=pl.Series(odds))
    ranked = ranked.sort("user_id", "week", "odds", descending=[False, False, True])
    place = pl.int_range(pl.len()).over("user_id", "week")
    gain = pl.when(place < SHOWN).then(pl.col("taken") / (place + 2).log(2)).otherwise(0.0)
    lists = ranked.with_columns(gain=gain).group_by("user_id", "week", maintain_order=True)
    sums = lists.agg(pl.col("gain").sum(), pl.col("taken").sum()).filter(pl.col("taken") > 0)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, SHOWN + 2)))
    return sums["gain"].to_numpy() / ideal[np.minimum(sums["taken"].to_numpy(), SHOWN) - 1]


def measure(run: Run) -> None:
    events = weeks_of(run)
    known = prices(events)
    made = pairs(events, known)
    learned, tested = made.filter(pl.col("week") <= -TESTED), made.filter(pl.col("week") > -TESTED)
    print(f"{known['item'].n_unique()} items; pairs: {len(learned):,} to learn from, {len(tested):,} tested")
    base, rows = None, []
    for name, columns in WAYS.items():
        weights = logistic.fit(learned.select(PLAIN + columns).to_numpy(), learned["taken"].to_numpy() > 0)
        reached = ndcg(tested, tested.select(PLAIN + columns).to_numpy() @ weights[1:])
        base = reached if base is None else base
        low, high = (float(end[0]) for end in intervals((reached - base)[:, None]))
        more = [f"{(reached - base).mean():+.4f} [{low:+.4f}, {high:+.4f}]", f"{weights[-1]:+.2f}"] if columns else []
        rows.append([name, f"{reached.mean():.4f}", *(more or ["", ""])])
    table(["repeats, week by week", f"NDCG@{SHOWN}", "more", "log odds per log price"], rows)


def main(argv: Sequence[str] | None = None) -> int:
    given = options(__doc__).parse_args(argv)
    if given.toy:
        with tempfile.TemporaryDirectory() as folder:
            config = load(toy_config(Path(folder)), LAST)
            write_ingested(config.run, TOY, days=7 * (LEARNED + TESTED + USUAL + 4))
            measure(config.run)
    else:
        measure(load(demo(), LAST).run)
    return 0
