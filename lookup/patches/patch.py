"""Patches: changes after a release was built. They are checked before the log keeps them.

A patch is one line of JSON text, of one of three kinds:

    {"item_id": "A1", "price": 9.5, "in_stock": true, "at": "2026-11-22T10:00:00Z", "source": "erp"}
    {"user_id": "900", "item_id": "A1", "type": "purchase", "value": 2, "at": "2026-11-22T10:00:01Z"}
    {"forget": "900", "at": "2026-11-22T10:00:02Z"}

Many statements may be about one field of an item. At any time the greatest statement that has not ended holds, by
(`at`, `source`, JSON of the value). A statement that is smaller than another one and ends no later can never hold
again. The log keeps the rest, the *front*: it is the same in whatever order, and however often, the statements arrive.

A statement of a time that has not come yet is *ahead*: the clock of whoever wrote it was wrong. It counts for nothing:
it does not hold, no other statement gives way to it, and no release absorbs it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from numbers import Integral, Real
from time import time
from typing import Any, NamedTuple

from lookup.errors import PatchError
from lookup.item_fields import NOT_ABSORBED
from lookup.patches import validation
from lookup.patches.validation import EPOCH, RESERVED, iso

ITEM, EVENT, FORGET = "item", "event", "forget"
LONGEST_VALUES = 100_000
"""The most characters of a patch's values as JSON."""
AHEAD = 5 * 60 * 1_000_000
"""How many microseconds the clock that states a time may run ahead of the clock that checks it."""
NEVER = 2**63 - 1
"""Stands for the end of a statement without one, where ends are compared."""


class Patch(NamedTuple):
    """A change. `item`, `event`, `forget` and `decode` make and check it. Times: microseconds since 1970, UTC."""

    kind: str
    """"item", "event" or "forget"."""
    key: str
    """The id of the item, or of the user."""
    at: int
    """When the change came to be, not when it was told. It decides which statement holds."""
    source: str
    """Who states it, such as "erp"."""
    until: int | None
    """When a statement on an item ends by itself; None: never."""
    values: Mapping[str, Any]
    """Of an item: JSON values by field, None for unknown. Of an event: `item`, `type`, `value`. Of a forget: empty."""


class Statement(NamedTuple):
    """What a patch states about one field of an item."""

    item: str
    field: str
    at: int
    source: str
    until: int | None
    value: Any
    position: int = 0
    """In the log; 0 for a statement that no log keeps yet."""

    def absorbed(self, watermark: int) -> bool:
        """Whether a release with that watermark has the statement. None has one that ends, or that hides an item."""
        return self.position <= watermark and self.until is None and not (self.field in NOT_ABSORBED and self.value)


Front = tuple[Statement, ...]
"""The statements on one field that may hold now or later, the greatest first. Usually one."""


def item(
    key: str,
    values: Mapping[str, Any],
    *,
    at: datetime | int | None = None,
    source: str = "shop",
    until: datetime | int | None = None,
) -> Patch:
    """A patch that states values of an item.

    values: fields of `lookup.item_fields` by name, and any feature (a text, a number, true or false); None says that
    the value is unknown. `category` is a list of texts, `price` is 0 or more. at, until: a
    datetime with a time zone, or microseconds since 1970; an `at` of None is now.

    Raises PatchError for a patch that makes no sense.
    """
    end = None if until is None else micros(until)
    return check(Patch(ITEM, key, _now() if at is None else micros(at), source, end, values))


def event(
    user: str,
    item: str,
    type: str,
    *,
    value: float | None = None,
    at: datetime | int | None = None,
    source: str = "shop",
) -> Patch:
    """A patch that records an event of a user with an item. Times and errors as in `item`."""
    values = {"item": item, "type": type, "value": value}
    return check(Patch(EVENT, user, _now() if at is None else micros(at), source, None, values))


def forget(user: str, *, at: datetime | int | None = None, source: str = "shop") -> Patch:
    """A patch that forgets a user's events up to `at`. Times and errors as in `item`."""
    return check(Patch(FORGET, user, _now() if at is None else micros(at), source, None, {}))


def check(patch: Patch) -> Patch:
    """The patch with its ids by the one rule (`lookup.keys.clean_id`), and its numbers as float, except in features.

    Raises PatchError, naming what was found and what was expected.
    """
    if not isinstance(patch, Patch) or patch.kind not in (ITEM, EVENT, FORGET):
        raise PatchError(f"a patch of an item, an event or a forget was expected, not {patch!r:.100}")
    key = validation.an_id("the id of the item" if patch.kind == ITEM else "the id of the user", patch.key)
    what = f"{'item' if patch.kind == ITEM else patch.kind + ' of user'} {key!r:.100}"
    validation.name(f"{what}: source", patch.source)
    validation.times(what, patch.at, patch.until, latest_time())
    values: dict[str, Any] = {}
    if patch.kind == ITEM:
        values = validation.item_values(what, patch.values)
    elif patch.until is not None:
        raise PatchError(f"{what}: only a statement on an item ends by itself (until)")
    elif patch.kind == EVENT:
        values = validation.event_values(what, patch.values)
    elif patch.values:
        raise PatchError(f"{what}: nothing more was expected, not {list(patch.values)!r:.100}")
    if len(canonical(values)) > LONGEST_VALUES:
        raise PatchError(f"{what}: more than {LONGEST_VALUES} characters in one patch")
    return patch._replace(key=key, values=values)


def encode(patch: Patch) -> str:
    """The patch as one line of JSON without the line break. `decode` gives the same patch back."""
    key = {ITEM: "item_id", EVENT: "user_id", FORGET: "forget"}[patch.kind]
    values = {"item_id" if patch.kind == EVENT and name == "item" else name: v for name, v in patch.values.items()}
    end = {} if patch.until is None else {"until": iso(patch.until)}
    return canonical({key: patch.key, **values, "at": iso(patch.at), "source": patch.source, **end})


def decode(line: str, source: str = "patch") -> Patch:
    """The patch of a line of JSON. source: for a line that names none.

    Raises PatchError as `item` does, and for a line that is no JSON object.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PatchError(f"not readable as JSON: {error}") from None
    if not isinstance(data, dict):
        raise PatchError(f"an object was expected, not {line.strip()!r:.100}")
    return from_record(data, source)


def from_record(data: Mapping[str, Any], source: str = "patch") -> Patch:
    """The patch of a record, with the names of the lines of JSON.

    `at` and `until` are ISO 8601, in UTC unless they name a time zone, or seconds since 1970; without `at` it is now.
    source: for a record that names none. Raises PatchError as `item` does.
    """
    values = {name: value for name, value in data.items() if name not in RESERVED}
    at = _now() if data.get("at") is None else _time("at", data["at"])
    until = None if data.get("until") is None else _time("until", data["until"])
    who = data.get("source", source)
    if "forget" in data:
        kind, key = FORGET, data["forget"]
        values |= {name: data[name] for name in ("user_id", "item_id") if name in data}  # which `check` refuses
    elif "user_id" in data:
        kind, key = EVENT, data["user_id"]
        values = {"item": data.get("item_id"), "value": None, **values}
    elif "item_id" in data:
        kind, key = ITEM, data["item_id"]
    else:
        raise PatchError(f"item_id, user_id or forget was expected among {', '.join(map(repr, data))[:100]}")
    return check(Patch(kind, key, at, who, until, values))


def statements(patch: Patch, position: int = 0) -> list[Statement]:
    """The statements of a patch of an item, one for each field."""
    return [
        Statement(patch.key, field, patch.at, patch.source, patch.until, value, position)
        for field, value in patch.values.items()
    ]


def add(front: Front, new: Statement, latest: int = NEVER) -> Front:
    """The front of a field with a new statement; the very same object where that statement can never hold.

    latest: microseconds since 1970; a statement of a later time is ahead, and takes no place of one that is not.
    """
    if not front:
        return (new,)
    rank, end, ahead = _rank(new), _end(new), new.at > latest
    ranked = [(_rank(old), old) for old in front]
    if any(other >= rank and _end(old) >= end and (old.at > latest) is ahead for other, old in ranked):
        return front
    remaining = [
        (other, old) for other, old in ranked if other > rank or _end(old) > end or (old.at > latest) is not ahead
    ]
    return tuple(old for _, old in sorted([*remaining, (rank, new)], key=_first, reverse=True))


def front(found: Iterable[Statement], latest: int = NEVER) -> Front:
    """The front of the statements on one field, given in any order. latest: as `add` takes it."""
    result: Front = ()
    for statement in found:
        result = add(result, statement, latest)
    return result


def greatest(found: Iterable[Statement], latest: int) -> Iterator[Statement]:
    """Of statements without an end, those on one field together, the one of each field that holds by `latest`."""
    for _, stated in groupby(found, lambda one: (one.item, one.field)):
        yield from front(one for one in stated if one.at <= latest)


def latest_time() -> int:
    """The latest time that counts now, microseconds since 1970. What is later is ahead."""
    return _now() + AHEAD


def holding(front: Front, at: int, ahead: int = AHEAD) -> Statement | None:
    """The statement of a front that holds at a time, in microseconds since 1970; None where none does.

    ahead: a statement of up to so many microseconds later holds at once, because clocks may run ahead. A front does not
    know what held before its statements.
    """
    for statement in front:
        if statement.at <= at + ahead and at < _end(statement):
            return statement
    return None


canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""The canonical text of a JSON value."""


def micros(moment: datetime | int) -> int:
    """A time as microseconds since 1970, UTC: of a datetime with a time zone, or an integer unchanged.

    Raises PatchError for anything else.
    """
    if isinstance(moment, datetime):
        if moment.utcoffset() is None:
            raise PatchError(f"{moment} has no time zone: say which, such as datetime.now(timezone.utc)")
        return (moment - EPOCH) // timedelta(microseconds=1)
    if isinstance(moment, Integral) and not isinstance(moment, bool):
        return int(moment)
    raise PatchError(f"a time is a datetime or whole microseconds since 1970, not {moment!r:.100}")


def _now() -> int:
    return int(time() * 1e6)


def _first(pair: tuple[tuple[int, str, str], Statement]) -> tuple[int, str, str]:
    return pair[0]


def _rank(statement: Statement) -> tuple[int, str, str]:
    return statement.at, statement.source, canonical(statement.value)


def _end(statement: Statement) -> int:
    return NEVER if statement.until is None else statement.until


def _time(name: str, value: Any) -> int:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(value, Real) and not isinstance(value, bool):
            return round(float(value) * 1e6)
    except (ValueError, OverflowError):
        pass
    raise PatchError(
        f"{name} is {value!r:.100}; expected ISO 8601, such as 2026-11-22T10:00:00Z, or seconds since 1970"
    )
