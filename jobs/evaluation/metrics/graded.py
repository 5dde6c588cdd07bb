"""Metrics of ranked lists with graded relevance, one list at a time. A list holds item rows, the best first."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.integer]


def gains_at(rows: Rows, judged: Rows, gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gain of each place of a list, (n,); 0 for what is not judged.

    judged: rows, rising. gains: theirs.
    """
    if not len(judged):
        return np.zeros(len(rows))
    place = np.minimum(np.searchsorted(judged, rows), len(judged) - 1)
    return np.where(judged[place] == rows, gains[place], 0.0)


def graded_ndcg(rows: Rows, judged: Rows, gains: NDArray[np.float64], k: int = 10) -> float:
    """The gains of the first k places over log2(place + 1), divided by those of the best list (Järvelin & Kekäläinen,
    TOIS 2002); NaN where no judged item has a gain.

    judged: rows, rising. gains: theirs, at least 0.
    """
    best = np.sort(gains)[::-1][:k]
    ideal = float(best @ discounts(len(best)))
    if ideal <= 0:
        return float("nan")
    found = gains_at(rows[:k], judged, gains)
    return float(found @ discounts(len(found))) / ideal


def recall_at(rows: Rows, relevant: Rows, k: int = 100) -> float:
    """The share of the relevant items among the first k; NaN where there are none."""
    return float(np.isin(relevant, rows[:k]).mean()) if len(relevant) else float("nan")


def reciprocal_rank(rows: Rows, relevant: Rows) -> float:
    """1 / place of the first relevant item, 0 where the list has none; NaN where nothing is relevant."""
    if not len(relevant):
        return float("nan")
    places = np.flatnonzero(np.isin(rows, relevant))
    return 1 / (1 + float(places[0])) if len(places) else 0.0


def mean_known(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The mean of the numbers that are not NaN; NaN without any."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")


def discounts(k: int) -> NDArray[np.float64]:
    """1 / log2(place + 1) for places from 1 to k."""
    return 1 / np.log2(np.arange(2, k + 2))
