"""Outcomes of the users of each arm: events are attributed to exposures and summed by user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from duckdb import DuckDBPyConnection

from jobs.experiments.statistics import ArmSample, Floats

HOUR = 3_600_000_000
"""Microseconds of an hour."""


class Outcomes(NamedTuple):
    """Sums of the users of an arm, float64 (n,) each."""

    exposures: Floats
    clicks: Floats
    conversions: Floats
    value: Floats
    """The sum of the values of conversions."""


@dataclass(frozen=True)
class Metric:
    """A ratio of two sums over users."""

    what: str
    sample: Callable[[Outcomes], ArmSample]
    event: str
    """The kind of events it needs: "click" or "conversion"."""


METRICS: Mapping[str, Metric] = {
    "conversion": Metric(
        "share of users with a conversion",
        lambda o: ArmSample((o.conversions > 0).astype(np.float64), _ones(o)),
        "conversion",
    ),
    "clicks": Metric("clicks a user", lambda o: ArmSample(o.clicks, _ones(o)), "click"),
    "ctr": Metric("clicks an exposure", lambda o: ArmSample(o.clicks, o.exposures), "click"),
    "value": Metric("value of conversions a user", lambda o: ArmSample(o.value, _ones(o)), "conversion"),
    "order": Metric("value a conversion", lambda o: ArmSample(o.value, o.conversions), "conversion"),
}


def _ones(outcomes: Outcomes) -> Floats:
    return np.ones(len(outcomes.exposures))


def outcomes(
    db: DuckDBPyConnection, window: float, click: str, conversion: str, any_item: bool = False
) -> tuple[dict[str, Outcomes], int]:
    """Return the outcomes by arm, and how many users were left out because they saw several arms.

    The tables are those of `jobs.experiments.records`. An event counts once if the user saw the item (any_item: saw
    anything) at most `window` hours before. click, conversion: types of events.
    """
    items = "[NULL]" if any_item else "items"
    same_item = "" if any_item else "AND e.item_id = s.item_id"
    rows = db.execute(
        f"""
        WITH users AS (
            SELECT user_id, min(arm) AS arm, count(DISTINCT arm) AS arms, count(*) AS exposures
            FROM exposures GROUP BY user_id
        ), shown AS (
            SELECT user_id, "at", unnest({items}) AS item_id FROM exposures
        ), done AS (
            SELECT e.user_id, count(*) FILTER (type = $click) AS clicks,
                count(*) FILTER (type = $conversion) AS conversions,
                coalesce(sum(value) FILTER (type = $conversion), 0) AS value
            FROM events e ASOF JOIN shown s ON e.user_id = s.user_id {same_item} AND e."at" >= s."at"
            WHERE e."at" - s."at" <= $window
            GROUP BY e.user_id
        )
        SELECT arm, arms, exposures, coalesce(clicks, 0) AS clicks, coalesce(conversions, 0) AS conversions,
            coalesce(value, 0) AS value
        FROM users LEFT JOIN done USING (user_id) ORDER BY user_id
        """,
        {"click": click, "conversion": conversion, "window": round(window * HOUR)},
    ).fetchnumpy()
    alone = rows["arms"] == 1
    arms = rows["arm"].astype(str)
    found = {
        str(arm): Outcomes(*(rows[name][alone & (arms == arm)].astype(np.float64) for name in Outcomes._fields))
        for arm in np.unique(arms[alone])
    }
    return found, int((~alone).sum())
