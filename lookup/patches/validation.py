"""Checks of the parts of a patch. Every check raises PatchError, naming what was found and what was expected."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral, Real
from typing import Any

from lookup.errors import PatchError
from lookup.item_fields import ITEM_FIELDS, ItemField, Kind

RESERVED = ("item_id", "user_id", "forget", "at", "until", "source")
"""Names that an item's field cannot have: the lines of JSON use them."""
LONGEST_ID = 1000
"""Characters of an id, a source, a type or a field's name."""
EXACT = 2**53
"""A larger whole number is not the same number to every reader."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = (datetime(9999, 12, 31, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def text_id(what: str, value: Any) -> None:
    """An id, a source, a type, a name."""
    if not isinstance(value, str) or not value.strip():
        raise PatchError(f"{what} is {value!r:.100}; a text that is not empty was expected")
    if len(value) > LONGEST_ID:
        raise PatchError(f"{what} has {len(value)} characters, {value[:40]!r}…; at most {LONGEST_ID} are kept")
    text(what, value)


def text(what: str, value: Any) -> str:
    """Any text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise PatchError(f"{what} is {value!r:.100}; text was expected")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PatchError(f"{what} is {value!r:.100}, which holds half a character (a lone surrogate)") from None
    return str(value)


def number(what: str, value: Any) -> float:
    """A finite number, as float; minus zero is the one zero."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise PatchError(f"{what} is {value!r:.100}; a number was expected")
    try:
        found = float(value) + 0.0
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise PatchError(f"{what} is not finite: a finite number was expected")
    return found


def times(what: str, at: Any, until: Any, latest: int) -> None:
    """The start of a patch, and its end or None: microseconds since 1970; `at` is not above `latest`."""
    for name, moment in (("at", at), ("until", until)):
        if (name, moment) != ("until", None) and (not isinstance(moment, int) or isinstance(moment, bool)):
            raise PatchError(f"{what}: {name} is {moment!r:.100}; whole microseconds since 1970 were expected")
    if at < 0:
        raise PatchError(f"{what}: at is before 1970")
    if at > latest:
        when = iso(at) if at < LAST else "after the year 9999"
        raise PatchError(f"{what}: at is {when}, more than five minutes in the future")
    if until is not None and not at < until < LAST:
        raise PatchError(f"{what}: until must be later than at, and before the last day of the year 9999")


def event_values(what: str, values: Any) -> dict[str, Any]:
    """`item`, `type` and `value` of an event."""
    if not isinstance(values, Mapping) or values.keys() != {"item", "type", "value"}:
        raise PatchError(f"{what}: item, type and value were expected, not {list(values)!r:.100}")
    text_id(f"{what}: item", values["item"])
    text_id(f"{what}: type", values["type"])
    value = None if values["value"] is None else number(f"{what}: value", values["value"])
    return {"item": str(values["item"]), "type": str(values["type"]), "value": value}


def item_values(what: str, values: Any) -> dict[str, Any]:
    """The fields of an item by name, each checked by its kind in `ITEM_FIELDS`, else as a feature; None: unknown."""
    if not isinstance(values, Mapping) or not values:
        raise PatchError(f"{what}: at least one field and its value were expected")
    for name in values:
        text_id(f"{what}: the name of a field", name)
        if name in RESERVED:
            raise PatchError(f"{what}: {name} is no field of an item; {', '.join(RESERVED)} mean something else")
    return {str(name): None if v is None else _value(f"{what}: {name}", name, v) for name, v in values.items()}


def _value(what: str, name: str, value: Any) -> Any:
    field = _FIELDS.get(name)
    return _feature(what, value) if field is None else _CHECKS[field.kind](what, value, field)


def _text(what: str, value: Any, _: ItemField) -> str:
    return text(what, value)


def _number(what: str, value: Any, field: ItemField) -> float:
    found = number(what, value)
    if field.least is not None and found < field.least:
        raise PatchError(f"{what} is {value!r}; {field.least:g} or more was expected")
    return found


def _switch(what: str, value: Any, _: ItemField) -> bool:
    if not isinstance(value, bool):
        raise PatchError(f"{what} is {value!r:.100}; true or false was expected")
    return value


def _path(what: str, value: Any, _: ItemField) -> list[str]:
    if not isinstance(value, list | tuple):
        raise PatchError(f"{what} is {value!r:.100}; a list of texts, the widest first, was expected")
    return [text(what, part) for part in value]


_FIELDS = {field.name: field for field in ITEM_FIELDS}
_CHECKS: dict[Kind, Callable[[str, Any, ItemField], Any]] = {
    "text": _text,
    "number": _number,
    "switch": _switch,
    "path": _path,
}


def _feature(what: str, value: Any) -> bool | str | int | float:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(what, value)
    if isinstance(value, Integral):
        if abs(int(value)) > EXACT:
            raise PatchError(f"{what} is beyond ±2**53; a number so large is better given as text")
        return int(value)
    if isinstance(value, Real):
        return number(what, value)
    raise PatchError(f"{what} is {value!r:.100}; a feature is a text, a number, true or false")


def iso(moment: int) -> str:
    """A time in microseconds since 1970 as ISO 8601, UTC."""
    return (EPOCH + timedelta(microseconds=moment)).isoformat(timespec="microseconds").replace("+00:00", "Z")
