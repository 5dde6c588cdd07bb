"""Outcomes of the searches of each arm: events are attributed to the searches that showed their items."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from duckdb import DuckDBPyConnection

from jobs.experiments.outcomes import HOUR
from jobs.experiments.statistics import ArmSample, Floats


class SearchOutcomes(NamedTuple):
    """Sums of the users of an arm, float64 (n,) each, also of those who did not search."""

    searches: Floats
    known: Floats
    """Searches that say how many items matched."""
    zero: Floats
    """Those of them that say none."""
    clicked: Floats
    """Searches with a click."""
    bought: Floats
    """Searches with a conversion."""
    reciprocal: Floats
    """The sum of 1 / position of the best placed click of each search; 0 for one without a click."""
    relaxed: Floats
    corrected: Floats


@dataclass(frozen=True)
class SearchMetric:
    """A ratio of two sums over users."""

    what: str
    over: str | None
    """The field of `SearchOutcomes` that divides; None: the number of users."""
    field: str
    event: str | None = None
    """The kind of events it needs: "click" or "conversion"; None: it needs none."""

    def sample(self, outcomes: SearchOutcomes) -> ArmSample:
        """The two sums of each user."""
        y = getattr(outcomes, self.field)
        return ArmSample(y, np.ones(len(y)) if self.over is None else getattr(outcomes, self.over))


SEARCH_METRICS: Mapping[str, SearchMetric] = {
    "searches": SearchMetric("searches a user", None, "searches"),
    "zero": SearchMetric("share of searches without a match", "known", "zero"),
    "search_ctr": SearchMetric("share of searches with a click", "searches", "clicked", "click"),
    "mrr": SearchMetric(
        "mean of 1 / position of the click over searches, 0 without a click", "searches", "reciprocal", "click"
    ),
    "search_conversion": SearchMetric("share of searches with a conversion", "searches", "bought", "conversion"),
    "relaxed": SearchMetric("share of searches that gave up words", "searches", "relaxed"),
    "corrected": SearchMetric("share of searches that were corrected", "searches", "corrected"),
}


def has_searches(db: DuckDBPyConnection) -> bool:
    """Whether one of the exposures is of a search."""
    return bool(db.execute("SELECT count(query) > 0 FROM exposures").fetchall()[0][0])


def search_outcomes(db: DuckDBPyConnection, window: float, click: str, conversion: str) -> dict[str, SearchOutcomes]:
    """Return the outcomes of searches by arm, of the users that `jobs.experiments.outcomes.outcomes` counts.

    The tables are those of `jobs.experiments.records`. A further page, whose positions begin after 1, belongs to the
    search before it of the same user and query. An event counts for the last exposure that showed its item to its user,
    at most `window` hours before; it counts here where that was a search. click, conversion: types of events.
    """
    rows = db.execute(
        """
        WITH alone AS (
            SELECT user_id, min(arm) AS arm FROM exposures GROUP BY user_id HAVING count(DISTINCT arm) = 1
        ), pages AS (
            SELECT *, count(*) FILTER (coalesce(list_min(positions), 1) = 1) OVER (
                PARTITION BY user_id, query ORDER BY "at" ROWS UNBOUNDED PRECEDING
            ) AS turn FROM exposures
        ), searches AS (
            SELECT user_id, query, turn, min_by(total, "at") AS total, bool_or(relaxed) AS relaxed,
                bool_or(corrected) AS corrected
            FROM pages WHERE query IS NOT NULL GROUP BY ALL
        ), shown AS (
            SELECT user_id, query, turn, "at", unnest(items) AS item_id, unnest(positions) AS place FROM pages
        ), done AS (
            SELECT s.user_id, query, turn, bool_or(type = $click) AS clicked, bool_or(type = $conversion) AS bought,
                max(1 / place) FILTER (type = $click) AS reciprocal
            FROM events e ASOF JOIN shown s ON e.user_id = s.user_id AND e.item_id = s.item_id AND e."at" >= s."at"
            WHERE e."at" - s."at" <= $window AND query IS NOT NULL
            GROUP BY ALL
        )
        SELECT arm, count(turn) AS searches, count(total) AS known, count(*) FILTER (total = 0) AS zero,
            count(*) FILTER (clicked) AS clicked, count(*) FILTER (bought) AS bought,
            coalesce(sum(reciprocal), 0) AS reciprocal, count(*) FILTER (relaxed) AS relaxed,
            count(*) FILTER (corrected) AS corrected
        FROM alone LEFT JOIN searches USING (user_id) LEFT JOIN done USING (user_id, query, turn)
        GROUP BY user_id, arm ORDER BY user_id
        """,
        {"click": click, "conversion": conversion, "window": round(window * HOUR)},
    ).fetchnumpy()
    arms = rows["arm"].astype(str)
    return {
        str(arm): SearchOutcomes(*(rows[name][arms == arm].astype(np.float64) for name in SearchOutcomes._fields))
        for arm in np.unique(arms)
    }
