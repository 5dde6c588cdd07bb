"""Patches: what changed after the release was built, checked before it is kept, and which statement holds when.

As text a patch is one line of JSON, of one of three kinds:

    {"item_id": "A1", "price": 9.5, "in_stock": true, "at": "2026-11-22T10:00:00Z", "source": "erp"}
    {"user_id": "900", "item_id": "A1", "type": "purchase", "value": 2, "at": "2026-11-22T10:00:01Z"}
    {"forget": "900", "at": "2026-11-22T10:00:02Z"}

An item's field may be stated many times. The value at a time is that of the greatest statement by (`at`, `source`, JSON
of the value) that has not ended. One that is smaller than another and ends no later can never hold again: what is kept
is the rest, the *front*, which is the same in whatever order, and however often, the statements came.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral, Real
from time import time
from typing import Any, NamedTuple

from lookup.errors import PatchError
from lookup.item_fields import NOT_ABSORBED
from lookup.patches import validation as checks
from lookup.patches.validation import EPOCH, RESERVED, iso

ITEM, EVENT, FORGET = "item", "event", "forget"
LONGEST_VALUES = 100_000
"""Characters of a patch's values as JSON."""
AHEAD = 5 * 60 * 1_000_000
"""Microseconds: so far may the clock that states an event time run before the one that checks it."""
NEVER = 2**63 - 1
"""The end of what has none, where ends are compared."""


class Patch(NamedTuple):
    """A change, made by `item`, `event`, `forget` or `decode`, which check it. Times: microseconds since 1970, UTC."""

    kind: str
    """"item", "event" or "forget"."""
    key: str
    """The id of the item, or of the user."""
    at: int
    """When it came to be so, which decides what holds; not when it was told."""
    source: str
    """Who says so."""
    until: int | None
    """Of an item: it holds until then; None: until another one does."""
    values: Mapping[str, Any]
    """Of an item: field → JSON value, None for unknown; of an event: `item`, `type` and `value`; of a forget: empty."""


class Statement(NamedTuple):
    """What a patch says of one field of an item."""

    item: str
    field: str
    at: int
    source: str
    until: int | None
    value: Any
    position: int = 0
    """Where the log has it."""

    def absorbed(self, watermark: int) -> bool:
        """Whether a release with that watermark has it: never what ends by itself, nor that an item is hidden."""
        return self.position <= watermark and self.until is None and not (self.field in NOT_ABSORBED and self.value)


Front = tuple[Statement, ...]
"""The statements of one field that may hold now or later: greatest first, so with rising ends; usually one."""


def item(
    key: str,
    values: Mapping[str, Any],
    *,
    at: datetime | int | None = None,
    source: str = "shop",
    until: datetime | int | None = None,
) -> Patch:
    """A patch of an item.

    values: `price` (0 or more), `in_stock`, `hidden`, `title`, `description`, `text`, `brand`, `image`, `category` (a
    list of texts) and any feature (text, number or truth); None says unknown. at, until: a datetime with a zone, or
    microseconds since 1970; at None: now. Raises PatchError for what cannot be.
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
    """A patch that tells an event of a user with an item. Times and errors as in `item`."""
    values = {"item": item, "type": type, "value": value}
    return check(Patch(EVENT, user, _now() if at is None else micros(at), source, None, values))


def forget(user: str, *, at: datetime | int | None = None, source: str = "shop") -> Patch:
    """A patch that forgets a user: every event up to that time. Times and errors as in `item`."""
    return check(Patch(FORGET, user, _now() if at is None else micros(at), source, None, {}))


def check(patch: Patch) -> Patch:
    """The patch, with numbers as float (in features as they are).

    Raises PatchError, naming what was found and what was expected.
    """
    if not isinstance(patch, Patch) or patch.kind not in (ITEM, EVENT, FORGET):
        raise PatchError(f"a patch of an item, an event or a forget was expected, not {patch!r:.100}")
    checks.text_id("the id of the item" if patch.kind == ITEM else "the id of the user", patch.key)
    what = f"{'item' if patch.kind == ITEM else patch.kind + ' of user'} {patch.key!r:.100}"
    checks.text_id(f"{what}: source", patch.source)
    checks.times(what, patch.at, patch.until, _now() + AHEAD)
    values: dict[str, Any] = {}
    if patch.kind == ITEM:
        values = checks.item_values(what, patch.values)
    elif patch.until is not None:
        raise PatchError(f"{what}: only what is said of an item ends by itself (until)")
    elif patch.kind == EVENT:
        values = checks.event_values(what, patch.values)
    elif patch.values:
        raise PatchError(f"{what}: nothing more was expected, not {list(patch.values)!r:.100}")
    if len(canonical(values)) > LONGEST_VALUES:
        raise PatchError(f"{what}: more than {LONGEST_VALUES} characters in one patch")
    return patch._replace(values=values)


def encode(patch: Patch) -> str:
    """One line of JSON, without the line break; `decode` gives the same patch back."""
    key = {ITEM: "item_id", EVENT: "user_id", FORGET: "forget"}[patch.kind]
    values = {"item_id" if patch.kind == EVENT and name == "item" else name: v for name, v in patch.values.items()}
    end = {} if patch.until is None else {"until": iso(patch.until)}
    return canonical({key: patch.key, **values, "at": iso(patch.at), "source": patch.source, **end})


def decode(line: str, source: str = "patch") -> Patch:
    """The patch of a line of JSON. source: where the line names none.

    Raises PatchError as the constructors do, and where the line is not such an object.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PatchError(f"not readable as JSON: {error}") from None
    if not isinstance(data, dict):
        raise PatchError(f"an object was expected, not {line.strip()!r:.100}")
    return from_record(data, source)


def from_record(data: Mapping[str, Any], source: str = "patch") -> Patch:
    """The patch of a record with the names of the lines of JSON. `at` and `until` are ISO 8601, UTC where no zone is
    named, or seconds since 1970; without `at` it is now. source: where the record names none. Raises PatchError.
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
    """What an item's patch says, field by field."""
    return [
        Statement(patch.key, field, patch.at, patch.source, patch.until, value, position)
        for field, value in patch.values.items()
    ]


def add(front: Front, new: Statement) -> Front:
    """The front of a field with one more statement; the very same object where that one can never hold."""
    if not front:
        return (new,)
    rank, end = _rank(new), _end(new)
    ranked = [(_rank(old), old) for old in front]
    if any(other >= rank and _end(old) >= end for other, old in ranked):
        return front
    kept = [(other, old) for other, old in ranked if other > rank or _end(old) > end]
    return tuple(old for _, old in sorted([*kept, (rank, new)], key=_first, reverse=True))


def front(found: Iterable[Statement]) -> Front:
    """The front of statements of one field, in any order."""
    result: Front = ()
    for statement in found:
        result = add(result, statement)
    return result


def holding(kept: Front, at: int, ahead: int = AHEAD) -> Statement | None:
    """The statement of a field that holds at a time (microseconds); None where none does.

    ahead: a statement from a clock that runs ahead, by so much at most, holds at once. The front knows nothing of what
    held before its statements came to be so.
    """
    for statement in kept:
        if statement.at <= at + ahead and at < _end(statement):
            return statement
    return None


canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""The one text of a JSON value."""


def micros(moment: datetime | int) -> int:
    """Microseconds since 1970 UTC of a datetime with a zone; a whole number is taken as such. Raises PatchError."""
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
