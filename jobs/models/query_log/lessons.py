"""What models learn from the searches that count: queries, clicks, what was meant, and the numbers of each day."""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.models.query_log.log import QueryLog

BOUGHT = 4.0
"""What a bought item weighs beside one that was clicked only. A choice, not measured."""
LEAST_PROPENSITY = 0.1
"""A click weighs at most ten times as much for its position: smaller propensities are mostly noise."""
PEOPLE = 3
"""What fewer people search for may say who they are."""
MEANT_SECONDS = 5 * 60
"""Within this time a user corrects what found nothing …"""
TRIES = 3
"""… with at most so many searches."""
MOST_MISSING = 2
"""Letters at the end of a slip."""
ALIKE = 0.75
"""From this ratio of `difflib` on, two queries differ by slips. "iphone 12" and "iphone 13" do not: their digits do."""


def queries(log: QueryLog) -> pl.DataFrame:
    """What is searched for, the most frequent first, a row for each `query`.

    `text`: its most frequent form as typed, for people. `searches` and `users` (i64; unknown users are one). `clicked`,
    `bought`: searches with that. `zero`: share of the searches without results among those that say how many there
    were, null where none does. `last`: time of the newest.
    """
    forms = log.searches.group_by("query", "text").len().sort("len", "text", descending=[True, False])
    return (
        log.searches.group_by("query")
        .agg(
            pl.len().cast(pl.Int64).alias("searches"),
            pl.col("user_id").n_unique().cast(pl.Int64).alias("users"),
            pl.col("clicked").sum().cast(pl.Int64),
            pl.col("bought").sum().cast(pl.Int64),
            (pl.col("results") == 0).mean().alias("zero"),
            pl.col("time").max().alias("last"),
        )
        .join(forms.unique("query", keep="first", maintain_order=True).select("query", "text"), "query")
        .select("query", "text", "searches", "users", "clicked", "bought", "zero", "last")
        .sort("searches", "query", descending=[True, False])
    )


def of_few(log: QueryLog) -> list[str]:
    """The queries of fewer than `PEOPLE` people, each search of an unknown user being one of another person."""
    people = pl.col("user_id").drop_nulls().n_unique() + pl.col("user_id").null_count()
    return (
        log.searches.group_by("query").agg(people.alias("people")).filter(pl.col("people") < PEOPLE)["query"].to_list()
    )


def clicks(log: QueryLog, propensities: NDArray[np.float64] | None = None) -> pl.DataFrame:
    """Which items people took for a query: `query`, `item` (i32), `clicks` (i64, searches), `weight` (f64).

    A search counts an item once, with weight 1, or BOUGHT where it was bought. propensities: float64 (K,), how likely a
    position is looked at beside the first; a click then weighs the inverse of its position's (Joachims, Swaminathan and
    Schnabel, "Unbiased Learning-to-Rank with Biased Feedback", WSDM 2017), one beyond K that of the last.
    """
    taken = log.items.filter("clicked").join(log.searches.select("search", "query"), "search")
    weight = pl.when("bought").then(BOUGHT).otherwise(1.0)
    if propensities is not None and len(propensities):
        inverse = pl.Series(1.0 / np.maximum(propensities, LEAST_PROPENSITY))
        place = pl.col("position").fill_null(1).clip(1, len(inverse)) - 1
        taken = taken.with_columns(inverse=inverse.gather(taken.select(place)["position"]))
        weight = weight * pl.col("inverse")
    return (
        taken.group_by("query", "item")
        .agg(pl.len().cast(pl.Int64).alias("clicks"), weight.sum().alias("weight"))
        .sort("query", "weight", "item", descending=[False, True, False])
    )


def reformulations(log: QueryLog) -> pl.DataFrame:
    """What people typed, and what they meant: `typed`, `meant`, `times`, `users` (i64), the most frequent first.

    A search without a click, for it found nothing or nothing fit, that its user follows by a similar one with a click.
    Of two queries that both succeed neither is a slip, so `meant` is clicked at least twice as often as `typed` over
    the whole log.
    """
    ordered = log.searches.filter(pl.col("user_id").is_not_null()).sort("user_id", "time", "search")
    found = []
    for later in range(1, TRIES + 1):
        after = {name: pl.col(name).shift(-later).over("user_id") for name in ("query", "time", "clicked")}
        gap = (after["time"] - pl.col("time")).dt.total_seconds()
        found.append(
            ordered.with_columns(after["query"].alias("meant"), after["clicked"].alias("found"), gap.alias("gap"))
            .filter(~pl.col("clicked") & pl.col("found") & (pl.col("gap") <= MEANT_SECONDS))
            .select("search", "user_id", pl.col("query").alias("typed"), "meant", pl.lit(later).alias("later"))
        )
    pairs = pl.concat(found).filter(pl.col("typed") != pl.col("meant"))
    known = [pair for pair in pairs.select("typed", "meant").unique().iter_rows() if similar(*pair)]
    alike = pl.DataFrame(known, schema={"typed": pl.String, "meant": pl.String}, orient="row")
    share = log.searches.group_by("query").agg(pl.col("clicked").mean().alias("share"))
    return (
        pairs.join(alike, ["typed", "meant"])
        .sort("later")
        .unique("search", keep="first", maintain_order=True)
        .group_by("typed", "meant")
        .agg(pl.len().cast(pl.Int64).alias("times"), pl.col("user_id").n_unique().cast(pl.Int64).alias("users"))
        .join(share.rename({"query": "typed", "share": "of_typed"}), "typed")
        .join(share.rename({"query": "meant", "share": "of_meant"}), "meant")
        .filter(pl.col("of_meant") >= 2 * pl.col("of_typed"))
        .select("typed", "meant", "times", "users")
        .sort("times", "typed", "meant", descending=[True, False, False])
    )


def similar(typed: str, meant: str) -> bool:
    """Whether two queries differ by slips, or by blanks and hyphens alone; the beginning of a query is no slip."""
    if [one for one in typed if one.isdigit()] != [one for one in meant if one.isdigit()]:
        return False
    first, second = ("".join(one for one in text if one.isalnum()) for text in (typed, meant))
    if second.startswith(first) and len(second) - len(first) > MOST_MISSING:
        return False
    match = SequenceMatcher(None, first, second, autojunk=False)
    return match.real_quick_ratio() >= ALIKE and match.quick_ratio() >= ALIKE and match.ratio() >= ALIKE


def days(log: QueryLog) -> pl.DataFrame:
    """The numbers of each day with a search, UTC, in order: `day`, `searches`, `zero_results` (null where no search of
    the day says how many it had), `clicked` (searches with a click), `mean_rank` (f64: of the clicks with a known
    position, from 1; null where there is none)."""
    known = pl.col("results").is_not_null().any()
    counts = log.searches.group_by(pl.col("time").dt.date().alias("day")).agg(
        pl.len().cast(pl.Int64).alias("searches"),
        pl.when(known).then((pl.col("results") == 0).sum().cast(pl.Int64)).alias("zero_results"),
        pl.col("clicked").sum().cast(pl.Int64),
    )
    of_day = log.searches.select("search", pl.col("time").dt.date().alias("day"))
    ranks = log.items.filter("clicked").join(of_day, "search").group_by("day")
    return counts.join(ranks.agg(pl.col("position").mean().alias("mean_rank")), "day", "left").sort("day")


def head(of: pl.DataFrame, most: int, always: Sequence[str] = ()) -> list[str]:
    """The queries that get precomputed lists: those of `always`, normalised, then the `most` most frequent ones
    of `queries` that were searched more than once and had results at least once."""
    wanted = of.filter((pl.col("searches") > 1) & (pl.col("zero").fill_null(0.0) < 1.0)).head(most)["query"].to_list()
    return list(dict.fromkeys([*always, *wanted]))
