"""Position bias: how likely people look at each position, beside the first.

Where the log has items that were shown and not clicked, the same item of the same query stood at different positions:
what it was clicked more often at one than at another is due to the position. Interventions like these come by
themselves, from changes of the ranking (Agarwal, Zaitsev, Wang, Li, Najork and Joachims, "Estimating Position Bias
without Intrusive Interventions", WSDM 2019). Where the log has clicks alone, the curve of clicks by position is taken,
as if every position had equally good items. Better items stand further up, so it is the most that the bias can be.
"""

from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.models.query_log.log import QueryLog

MOST_POSITIONS = 50
"""Positions further down count as this one."""
FEWEST_CLICKS = 100
"""With known positions; fewer tell nothing."""
LEAST = 0.01
"""Of a propensity; a position with a click is looked at."""

Floats = NDArray[np.float64]


class Propensities(NamedTuple):
    """How likely a position is looked at."""

    method: Literal["interventions", "clicks", "none"]
    """By what it was estimated; "none" where the log knows too few positions: all are 1 then."""
    values: Floats
    """(K,): of the positions from 1, at least LEAST, the first is 1, none above."""
    clicks: int
    """Clicks with a known position."""


def propensities(log: QueryLog) -> Propensities:
    """The propensities of a log. Positions are those of a list: in a grid they do not fall evenly, and need not."""
    placed = log.items.filter(pl.col("position").is_not_null()).with_columns(pl.col("position").clip(1, MOST_POSITIONS))
    by_place = placed.filter("clicked").group_by("position").len()
    clicked = np.zeros(MOST_POSITIONS)
    clicked[by_place["position"].to_numpy() - 1] = by_place["len"].to_numpy()
    total = int(clicked.sum())
    if total < FEWEST_CLICKS or not clicked[0]:
        return Propensities("none", np.ones(1), total)
    ratios = _interventions(placed.join(log.searches.select("search", "query"), "search"))
    if ratios is not None:
        return Propensities("interventions", ratios, total)
    last = int(np.flatnonzero(clicked)[-1]) + 1
    return Propensities("clicks", np.clip(falling(clicked[:last]) / clicked[0], LEAST, 1.0), total)


def falling(values: Floats) -> Floats:
    """The numbers that never rise and are nearest to these by squares (pool adjacent violators)."""
    means: list[float] = []
    sizes: list[int] = []
    for value in values:
        means.append(float(value))
        sizes.append(1)
        while len(means) > 1 and means[-2] < means[-1]:
            size = sizes[-2] + sizes[-1]
            means[-2:] = [(means[-2] * sizes[-2] + means[-1] * sizes[-1]) / size]
            sizes[-2:] = [size]
    return np.repeat(means, sizes)


def _interventions(shown: pl.DataFrame) -> Floats | None:
    """Propensities from items at several positions; None where these do not reach from the first to another one.

    For positions k and k', over the pairs (query, item) that were shown at both, the click rates at k and at k' are
    summed. Their ratio estimates p_k / p_k' (Agarwal et al. 2019). The logarithms of all p are fitted to the
    logarithms of all ratios by least squares, weighted by the clicks behind each; p_1 is 1.
    """
    pairs = shown.group_by("query", "item", "position").agg(
        pl.len().alias("shown"), pl.col("clicked").sum().alias("clicks")
    )
    pairs = pairs.filter(pl.len().over("query", "item") > 1)
    both = (
        pairs.join(pairs, ["query", "item"], suffix="_b")
        .filter(pl.col("position") < pl.col("position_b"))
        .group_by("position", "position_b")
        .agg(
            (pl.col("clicks") / pl.col("shown")).sum().alias("rate"),
            (pl.col("clicks_b") / pl.col("shown_b")).sum().alias("rate_b"),
            pl.min_horizontal(pl.col("clicks").sum(), pl.col("clicks_b").sum()).alias("least"),
        )
        .filter(pl.col("least") > 0)
        .sort("position", "position_b")
    )
    if both["least"].sum() < FEWEST_CLICKS:
        return None
    a, b = (both[name].to_numpy().astype(np.int64) - 1 for name in ("position", "position_b"))
    reached = _reached(a, b)
    if len(reached) < 2:
        return None
    kept = np.isin(a, reached)
    a, b = a[kept], b[kept]
    weight = np.sqrt(both["least"].to_numpy().astype(np.float64)[kept])
    goal = np.log(both["rate"].to_numpy()[kept] / both["rate_b"].to_numpy()[kept])
    matrix = np.zeros((len(a), int(reached[-1]) + 1))
    matrix[np.arange(len(a)), a] = 1.0
    matrix[np.arange(len(a)), b] = -1.0
    others = reached[1:]  # the logarithm of the first one is 0
    fitted, *_ = np.linalg.lstsq(matrix[:, others] * weight[:, None], goal * weight, rcond=None)
    logs = np.interp(np.arange(int(reached[-1]) + 1), reached, np.concatenate([[0.0], fitted]))
    found: Floats = np.clip(np.exp(logs), LEAST, 1.0)
    return found


def _reached(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions that pairs connect with the first, 0, in order."""
    known = {0}
    while True:
        more = {int(y) for x, y in zip(a, b, strict=True) if x in known}
        more |= {int(x) for x, y in zip(a, b, strict=True) if y in known}
        if more <= known:
            return np.array(sorted(known), dtype=np.int64)
        known |= more
