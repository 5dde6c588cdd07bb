"""Guests: who bought without an account. With `guests = "basket"` the order stands for the user."""

from typing import TYPE_CHECKING

from jobs.infra.tables import GUEST_PREFIX
from jobs.stages.ingest.reasons import GUEST, NOBODY

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row


def user_or_guest(user_id: "Column", order: "Column") -> "Column":
    """The user's id; where there is none, that of a guest with this order, null where there is no order either."""
    from pyspark.sql import functions as F

    return F.coalesce(user_id, F.concat(F.lit(GUEST_PREFIX), order))


def user_rules(rules: "list[tuple[Column, str]]", user_id: "Column", guests: str) -> "list[tuple[Column, str]]":
    """The rules of a user's id, where guests have none: whether a row breaks one, and the reason.

    rules: of an id that must be there. user_id: with those of guests. guests: as the configuration says.
    """
    told = {"drop": GUEST, "basket": "user_id and order are missing"}.get(guests, NOBODY)
    return [(user_id.isNull(), told) if reason == NOBODY else (broken, reason) for broken, reason in rules]


def count_days(events: "DataFrame") -> "list[Row]":
    """For each day the number of events, `events`, and of those of guests, `guests`. events: table EVENTS."""
    from pyspark.sql import functions as F

    guest = F.col("user_id").startswith(GUEST_PREFIX)
    rows: list[Row] = (
        events.groupBy("day").agg(F.count("*").alias("events"), F.count_if(guest).alias("guests")).collect()
    )
    return rows
