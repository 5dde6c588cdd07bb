"""The features of the ranker: what is known of a user and an item now, as numbers. Night and day call `matrix`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

GROUPS: dict[str, tuple[str, ...]] = {
    "score": ("score",),
    "price": ("price_log", "price_unknown"),
    "discount": ("price_change", "price_cut"),
    "stock": ("sold_out",),
    "popularity": ("popularity_log",),
    "recency": ("never_had", "days_since_log"),
    "frequency": ("times_log",),
    "hour": ("hour_sin", "hour_cos"),
    "weekday": ("weekday_sin", "weekday_cos"),
}
"""The features by the names that people use, and the matrix columns of each, in order."""

NAMES: tuple[str, ...] = tuple(name for columns in GROUPS.values() for name in columns)
"""The columns of the matrix."""

CENT = 0.01
"""The lowest price that counts, because of the logarithm."""
MOST_CHANGE = 3.0
"""The largest logarithm of price to usual price that counts: about a twentieth, or twenty times."""

Numbers = NDArray[np.float32] | NDArray[np.float64] | float
"""One number for each of n candidates, or one for all."""


DAY = 86_400_000_000
"""A day in microseconds."""


def clock(micros: int) -> tuple[float, float]:
    """The hour of the day, 0 to 24, UTC, and the weekday, 0 is Monday, of a time in microseconds since 1970."""
    days, rest = divmod(micros, DAY)
    return rest / DAY * 24, float((days + 3) % 7)  # 1970 began on a Thursday


class Bought(NamedTuple):
    """How a user bought, or viewed, each of n candidates before now."""

    days_since: NDArray[np.float64]
    """Whole days since the last event with it, (n,); NaN for a candidate without one."""
    times: NDArray[np.float64]
    """The sum of the weights of these events, (n,). Where only purchases count, by 1: how often it was bought."""


def bought(
    items: NDArray[np.int32],
    days: NDArray[np.int32],
    weights: NDArray[np.float32],
    candidates: NDArray[np.int32],
    today: int,
) -> Bought:
    """How a history's events went to candidates.

    items, days, weights: of the m events, in any order, (m,); days since 1970, UTC. candidates: different item rows,
    (n,). today: in days since 1970; an event of a later day counts as one of today.
    """
    order = np.argsort(candidates, kind="stable")
    ranked = candidates[order]
    place = np.searchsorted(ranked, items)
    place[place == len(ranked)] = 0
    known = ranked[place] == items if len(ranked) else np.zeros(len(items), dtype=bool)
    at = order[place[known]]
    last = np.full(len(candidates), -np.inf)
    np.maximum.at(last, at, days[known])
    times = np.bincount(at, weights=weights[known], minlength=len(candidates)).astype(np.float64)
    return Bought(np.where(np.isfinite(last), np.maximum(today - last, 0.0), np.nan), times)


def matrix(
    *,
    score: Numbers,
    price: Numbers,
    usual_price: Numbers,
    in_stock: Numbers,
    popularity: Numbers,
    days_since: Numbers,
    times: Numbers,
    hour: Numbers,
    weekday: Numbers,
) -> NDArray[np.float32]:
    """The features of n candidates, float32 (n, len(NAMES)). Each argument: (n,), or one number for all.

    score: of user and item, as in the lists. price: now, in the shop's currency. usual_price: without a discount.
    in_stock: 1 or 0. popularity: of array `item_popularity`. days_since, times: of `Bought`. hour: of the day, 0 to 24,
    UTC. weekday: 0 is Monday.

    NaN means unknown. An unknown price gives `price_unknown` 1 and `price_log` 0; without a price or a usual price
    `price_change` and `price_cut` are 0. Unknown stock counts as in stock, unknown popularity as 0, and unknown days
    mean that there was no event (`never_had`).
    """
    given = (score, price, usual_price, in_stock, popularity, days_since, times, hour, weekday)
    n = max(np.size(one) for one in given)
    out = np.empty((len(NAMES), n), dtype=np.float32)  # features are rows while they are filled, which is contiguous
    out[0] = score
    now = np.log(np.maximum(price, CENT))
    unknown = np.isnan(now)
    change = now - np.log(np.maximum(usual_price, CENT))
    out[1] = np.where(unknown, 0.0, now)
    out[2] = unknown
    np.clip(np.where(np.isnan(change), 0.0, change), -MOST_CHANGE, MOST_CHANGE, out=out[3], casting="same_kind")
    np.maximum(-np.expm1(out[3]), 0.0, out=out[4])
    out[5] = np.equal(in_stock, 0)
    out[6] = np.log1p(np.fmax(popularity, 0.0))
    never = np.isnan(days_since)
    out[7] = never
    out[8] = np.where(never, 0.0, np.log1p(days_since))
    out[9] = np.log1p(np.fmax(times, 0.0))
    for row, turn in ((10, np.multiply(hour, 2 * np.pi / 24)), (12, np.multiply(weekday, 2 * np.pi / 7))):
        out[row] = np.sin(turn)
        out[row + 1] = np.cos(turn)
    return np.ascontiguousarray(out.T)
