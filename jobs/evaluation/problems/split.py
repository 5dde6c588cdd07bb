"""Split by time: learn from what was before a day, and look for what each user took in the days after it."""

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


@dataclass(frozen=True)
class TimedEvents:
    """TimedEvents of a shop in any order, one place each, (E,)."""

    users: NDArray[np.int64]
    """Numbers of users; need not be without gaps."""
    items: NDArray[np.int32]
    """Item rows."""
    days: NDArray[np.float64]
    """When, in days since 1970, UTC."""
    weights: NDArray[np.float32]
    """Of the event's type; events of weight 0 must be left out before."""


def split(name: str, items: ItemFacts, events: TimedEvents, t: float, days: float) -> Problem:
    """The problem of a moment t: events before it to learn from, items taken in [t, t + days) to find.

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
    kept = after & (known > 0)[user]
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
        truth=distinct(np.searchsorted(measured, user[kept]), len(measured), events.items[kept]),
        ordered=True,
    )
    check_no_leak(problem, t)
    return problem


def check_no_leak(problem: Problem, t: float) -> None:
    """Check that nothing of a moment t or later, in days since 1970, is learned from or given.

    Raises DataError when something is.
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
    """A moment in days since 1970 as a person reads it, UTC."""
    return datetime.fromtimestamp(day * 86400.0, UTC).isoformat(sep=" ", timespec="minutes")[:16]


def problem_of_run(run: Run, t: date, days: int) -> Problem:
    """The problem of a day t (from its midnight, UTC) and the `days` after it, from the tables of `ingest`.

    Attributes of an item are every prefix of its category path ("category=Grocery", "category=Grocery>Milk"),
    "brand=…" and "price=…", the decile of its price within the shop, 0 … 9. Table ITEMS knows the prices of the whole
    run; so where events carry prices, the price of an item is that of its last event before t, and unknown where it has
    none. Only where no event carries one, it is that of ITEMS. TimedEvents of weight 0 do not count.

    Raises MissingStepError when `ingest` has not run, DataError when the run does not reach that far or nothing is
    to be measured.
    """
    import polars as pl

    start = (t - date(1970, 1, 1)).days
    if (run.date - t).days < days:
        raise DataError(
            f"{run.root} knows the events before {run.date}: too early for {days} days from {t}; "
            "take the run of a later date, or fewer days"
        )
    events = _events(run)
    prices = None
    if events["price"].count():
        priced = events.filter(pl.col("days") < start).drop_nulls("price").group_by("item", maintain_order=True).last()
        prices = dict(zip(priced["item"], priced["price"], strict=True))
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
    """user_id, item, days, weight and price of the events that count, in order of time."""
    import polars as pl
    import pyarrow.dataset as ds

    columns = ["user_id", "item", "time", "weight", "price"]
    table = ds.dataset(run.existing(EVENTS.name), format="parquet", partitioning="hive").to_table(columns=columns)
    frame = pl.DataFrame(pl.from_arrow(table))
    days = pl.col("time").dt.epoch("us").cast(pl.Float64) / 86_400e6
    return frame.filter(pl.col("weight") > 0).with_columns(days=days).sort("days", "user_id", "item").drop("time")


def _items(run: Run, prices: dict[int, float] | None) -> ItemFacts:
    """The items of a run. prices: by item row, in place of those of the table; None: those of the table."""
    import polars as pl
    import pyarrow.dataset as ds

    columns = ["item", "item_id", "category", "brand", "price", "text"]
    table = ds.dataset(run.existing(ITEMS.name), format="parquet").to_table(columns=columns)
    frame = pl.DataFrame(pl.from_arrow(table)).sort("item")
    own = frame["price"].fill_null(np.nan).to_numpy()
    price = own if prices is None else np.asarray([prices.get(item, np.nan) for item in range(frame.height)])
    tenths = deciles(price, price_bounds(price)).tolist()
    return ItemFacts(
        ids=frame["item_id"].to_list(),
        texts=[text or "" for text in frame["text"]],
        attributes=[attributes(*facts) for facts in zip(frame["category"], frame["brand"], tenths, strict=True)],
        prices=price,
        categories=[path[0] if len(path) else "" for path in frame["category"]],
    )
