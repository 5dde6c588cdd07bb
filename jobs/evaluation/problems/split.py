"""Split by time: methods learn from the events before a day and must find each user's items in the days after it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.problems.problem import ItemFacts, Problem, distinct, histories
from jobs.infra.runs import Run
from jobs.infra.tables import EVENTS, ITEMS
from jobs.models.attributes import price_bounds
from lookup.scoring.cold_start import attributes, deciles

if TYPE_CHECKING:
    import polars as pl


COLUMNS = ["user_id", "item", "time", "weight", "price"]
"""What a problem needs of table EVENTS."""


@dataclass(frozen=True)
class TimedEvents:
    """Events of a shop in any order, one place each, (E,)."""

    users: NDArray[np.int64]
    """Numbers of users; gaps are allowed."""
    items: NDArray[np.int32]
    """Item rows."""
    days: NDArray[np.float64]
    """The time, in days since 1970, UTC."""
    weights: NDArray[np.float32]
    """The weight of the event's type. The caller leaves out events of weight 0."""


def split(name: str, items: ItemFacts, events: TimedEvents, t: float, days: float) -> Problem:
    """Make the problem of a point in time t: events before it to learn from, items of [t, t + days) to find.

    t, days: in days. Users with events on both sides are measured; rows of users are in the order of their numbers.

    Raises DataError when there is no such user.
    """
    before, after = events.days < t, (events.days >= t) & (events.days < t + days)
    people, user = np.unique(events.users, return_inverse=True)
    known, wants = np.bincount(user[before], minlength=len(people)), np.bincount(user[after], minlength=len(people))
    if not ((known > 0) & (wants > 0)).any():
        raise DataError(
            f"{name}: no user has events both before {day_of(t)} and in the {days:g} days from it: nothing to measure; "
            f"{int(before.sum())} events are before it, {int(after.sum())} in those days"
        )
    learned_from = np.flatnonzero(known)
    row = np.cumsum(known > 0) - 1
    measured = np.flatnonzero((known > 0) & (wants > 0))
    answers = after & (known > 0)[user]
    train = histories(
        row[user[before]], len(learned_from), events.items[before], events.days[before], events.weights[before]
    )
    problem = Problem(
        name=name,
        protocol="split by time",
        items=items,
        train=train,
        given=train.rows(row[measured]),
        given_at=np.full(len(measured), t),
        truth=distinct(np.searchsorted(measured, user[answers]), len(measured), events.items[answers]),
        ordered=True,
    )
    check_no_leak(problem, t)
    return problem


def check_no_leak(problem: Problem, t: float) -> None:
    """Check that no event at t or later, in days since 1970, is among those to learn from or given.

    Raises DataError when one is.
    """
    for what, known in (("train", problem.train), ("given", problem.given)):
        late = np.flatnonzero(known.days >= t)
        if len(late):
            first, user = late[0], np.searchsorted(known.offsets, late[0], side="right") - 1
            raise DataError(
                f"{problem.name}: a leak: {len(late)} events of {what} are not before {day_of(t)}; the first: user row "
                f"{user}, item {problem.items.ids[known.items[first]]}, {day_of(known.days[first])}"
            )
    if (problem.given_at > t).any():
        raise DataError(f"{problem.name}: a leak: some users' lists are made after {day_of(t)}")


def day_of(day: float) -> str:
    """Write a moment in days since 1970 for a person, UTC."""
    return datetime.fromtimestamp(day * 86400.0, UTC).isoformat(sep=" ", timespec="minutes")[:16]


def problem_of_run(run: Run, t: date, days: int, events: "pl.DataFrame | None" = None) -> Problem:
    """Make the problem of a day t (from its midnight, UTC) and the `days` after it, from the tables of `ingest`.

    Attributes of an item are every prefix of its category path ("category=Grocery", "category=Grocery>Milk"),
    "brand=…" and "price=…", the decile of its price within the shop, 0 … 9. Table ITEMS has the prices of the whole
    run, later days included. So where events have prices, the price of an item is that of its last event before t, or
    unknown. Only where no event has a price, it is that of ITEMS. Events of weight 0 do not count.

    events: user_id, item, time, weight and price of some of the run's events; None: of all.

    Raises MissingStepError when `ingest` has not run, DataError when the run ends too early or no user can be measured.
    """
    import polars as pl

    start = (t - date(1970, 1, 1)).days
    if (run.date - t).days < days:
        raise DataError(
            f"{run.root} knows the events before {run.date}: too early for {days} days from {t}; "
            "take the run of a later date, or fewer days"
        )
    events = in_order(_events(run) if events is None else events)
    prices = None
    if events["price"].count():
        priced = events.filter(pl.col("days") < start).drop_nulls("price")
        prices = priced.group_by("item").agg(pl.col("price").last())
    return split(
        f"{run.root.parent.parent.parent.name} {t}",
        _items(run, prices),
        TimedEvents(
            users=events["user_id"].rank("dense").to_numpy().astype(np.int64),
            items=events["item"].to_numpy(),
            days=events["days"].to_numpy(),
            weights=events["weight"].to_numpy(),
        ),
        start,
        days,
    )


def _events(run: Run) -> "pl.DataFrame":
    import polars as pl
    import pyarrow.dataset as ds

    table = ds.dataset(run.existing(EVENTS.name), format="parquet").to_table(columns=COLUMNS)
    return pl.DataFrame(pl.from_arrow(table))


def in_order(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Make user_id, item, days, weight and price of the events with a weight, in order of time, from COLUMNS."""
    import polars as pl

    days = pl.col("time").dt.epoch("us").cast(pl.Float64) / 86_400e6
    return frame.filter(pl.col("weight") > 0).with_columns(days=days).sort("days", "user_id", "item").drop("time")


def _items(run: Run, prices: "pl.DataFrame | None") -> ItemFacts:
    """Read the items of a run. prices: item and price, to replace those of the table; None: those of the table."""
    import polars as pl
    import pyarrow.dataset as ds

    columns = ["item", "item_id", "category", "brand", "price", "text"]
    table = ds.dataset(run.existing(ITEMS.name), format="parquet").to_table(columns=columns)
    frame = pl.DataFrame(pl.from_arrow(table)).sort("item")
    if prices is not None:
        frame = frame.drop("price").join(prices, on="item", how="left", maintain_order="left")
    price = frame["price"].fill_null(np.nan).to_numpy()
    tenths = deciles(price, price_bounds(price)).tolist()
    paths_and_brands = (frame[name].to_list() for name in ("category", "brand"))
    return ItemFacts(
        ids=frame["item_id"].to_list(),
        texts=frame["text"].fill_null("").to_list(),
        attributes=[attributes(*facts) for facts in zip(*paths_and_brands, tenths, strict=True)],
        prices=price,
        categories=frame["category"].list.first().fill_null("").to_list(),
    )
