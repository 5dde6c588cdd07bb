"""Read the patch log for the night: its events, its statements on items, and its forgotten users.

A release absorbs the log up to a position, its watermark: the last position up to which no entry is of the night's day
or later (`lookup.patches.patch_log.PatchLog.reach`). Entries after the watermark are left to the next night, even those
from before the night. Readers go on taking them from the log, so nothing counts twice and nothing is lost. Forgotten
users are the exception: a user who was ever forgotten, at any position, loses all events up to that time, every night.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.infra.spark import parquet
from lookup.errors import ReleaseError
from lookup.item_fields import ABSORBED, ITEM_FIELDS, Kind
from lookup.keys import clean_id
from lookup.patches.following.lineage import watermark_in
from lookup.patches.patch import Statement, canonical, micros
from lookup.patches.patch_log import Event, Forgotten, PatchLog, open_log
from lookup.patches.validation import iso, refusal
from lookup.release import manifest, pointer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

TABLE = "patches"
"""The folder of the run for what this module reads of the log."""
BLOCK = 100_000
"""Rows in memory at a time."""


@dataclass(frozen=True)
class Patches:
    """The patch log as a night absorbs it."""

    where: str
    """The log, for messages."""
    position: int
    """The watermark."""
    log: str
    """The id of the log."""
    mark: str
    """Of this night in the log."""
    events: "DataFrame"
    """user_id, item_id, type, time, value, position, record (the patch, JSON)."""
    items: "DataFrame"
    """item_id, a column for each of ABSORBED, `features` (map of texts), `at` (map: field → time), position, record."""
    forgotten: "DataFrame"
    """user_id, at."""

    def absorbed(self) -> dict[str, Any]:
        """What the release is to say of the log: fields `patches_until` and `patches_log` of its manifest."""
        return {"position": self.position, "log": {"id": self.log, "mark": self.mark}}


def read(spark: "SparkSession", config: Config) -> Patches | None:
    """Read the log up to the watermark, and write it to the run as tables; None where the log is empty.

    Raises LogError where the log cannot be read.
    """
    log = open_log(config.patches)
    try:
        tell_of_another(log, config.releases)
        if log.position() == 0:
            return None
        night = micros(datetime.combine(config.date, time(), UTC))
        position = log.reach(night)
        with config.run.replacing(TABLE) as folder:
            folder.mkdir()
            for name, rows in _tables(log, position).items():
                _write(folder / f"{name}.parquet", name, rows)
        mark, log_id = log.absorb(position), log.identity().id
    finally:
        log.close()
    frames = {
        name: parquet(spark, config.run.path(TABLE) / f"{name}.parquet") for name in ("events", "items", "forgotten")
    }
    return Patches(where=log.where, position=position, log=log_id, mark=mark, **frames)


def tell_of_another(log: PatchLog, releases: Path) -> None:
    """Log why the log is not the one that the release in place has absorbed: this night then learns from less."""
    try:
        current = pointer.read_or_none(releases)
        release = None if current is None else manifest.read(releases / current)
    except ReleaseError:
        return  # `validate` says what is wrong with it
    why = None if release is None else watermark_in(release, log.where, log.identity(), log.place()).why
    if why is not None:
        log_line("ingest", "warning", text=why)


def _tables(log: PatchLog, position: int) -> dict[str, Iterable[dict[str, Any]]]:
    of_items = groupby(_taken(log.items(position)), lambda one: one.item)
    return {
        "events": map(_event_row, log.all_events(0, position)),
        "items": (_item_row(item, list(statements)) for item, statements in of_items),
        "forgotten": map(_forgotten_row, log.forgotten()),
    }


def _taken(stated: Iterable[Statement]) -> Iterator[Statement]:
    """The statements that readers take too, without those that are too much (`lookup.patches.validation`)."""
    refused = 0
    for one in stated:
        if refusal(one.field, one.value) is None:
            yield one
        else:
            refused += 1
    if refused:
        log_line("ingest", "patches refused", values=refused)


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "user_id": clean_id(event.user),
        "item_id": clean_id(event.item),
        "type": event.type,
        "time": event.at,
        "value": event.value,
        "position": event.position,
        "record": canonical(event._asdict() | {"at": iso(event.at)}),
    }


def _item_row(item: str, statements: list[Statement]) -> dict[str, Any]:
    values = {one.field: one.value for one in statements}
    features = {name: value for name, value in values.items() if name not in ABSORBED and value is not None}
    return {
        "item_id": item,
        **{name: values.get(name) for name in ABSORBED},
        "features": [(n, value if isinstance(value, str) else canonical(value)) for n, value in features.items()],
        "at": [(one.field, one.at) for one in statements],
        "position": max(one.position for one in statements),
        "record": canonical({"item_id": item, **values}),
    }


def _forgotten_row(user: Forgotten) -> dict[str, Any]:
    return {"user_id": clean_id(user.user), "at": user.at}


def _write(path: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(name)
    with pq.ParquetWriter(path, schema) as writer:
        for block in _blocks(rows):
            writer.write_table(pa.Table.from_pylist(block, schema))


def _schema(name: str) -> "pa.Schema":
    import pyarrow as pa

    text, moment = pa.string(), pa.timestamp("us", "UTC")
    if name == "forgotten":
        return pa.schema({"user_id": text, "at": moment})
    common = {"position": pa.int64(), "record": text}
    if name == "events":
        return pa.schema(
            {"user_id": text, "item_id": text, "type": text, "time": moment, "value": pa.float64(), **common}
        )
    types: dict[Kind, pa.DataType] = {
        "text": text,
        "number": pa.float64(),
        "switch": pa.bool_(),
        "path": pa.list_(text),
        "id": text,
    }
    columns = {field.name: types[field.kind] for field in ITEM_FIELDS if field.name in ABSORBED}
    maps = {"features": pa.map_(text, text), "at": pa.map_(text, moment)}
    return pa.schema({"item_id": text, **columns, **maps, **common})


def _blocks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    block: list[dict[str, Any]] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK:
            yield block
            block = []
    yield block
