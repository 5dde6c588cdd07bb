"""Checks of the parts of a patch. Every check raises PatchError, naming what was found and what was expected."""

import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

from lookup.errors import PatchError
from lookup.item_fields import ITEM_FIELDS, ItemField, Kind
from lookup.keys import LONGEST_ID, clean_id

RESERVED = ("item_id", "user_id", "forget", "at", "until", "source")
"""Names that an item's field cannot have: the lines of JSON use them."""
LONGEST_NAME = LONGEST_ID
"""Characters of a source, a type, a field's name, a brand or a name of a category path."""
LONGEST_TEXT = 50_000
"""Characters of any other text."""
LONGEST_PATH = 32
"""Names of a category path. Every reader keeps a place for each name of the longest path."""
NEARLY = 0.75
"""How alike two names are, from 0 to 1, where one is taken for the other misspelt: `Stock` for `in_stock`."""
MOST_FIELDS = 200
"""Fields in one patch."""
EXACT = 2**53
"""A larger whole number is not the same number to every reader."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = (datetime(9999, 12, 31, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def an_id(what: str, value: Any) -> str:
    """An id, as `lookup.keys.clean_id` has it."""
    try:
        found = clean_id(value)
    except TypeError as error:
        raise PatchError(f"{what}: {error}") from None
    return name(what, found)


def name(what: str, value: Any) -> str:
    """An id, a source, a type, the name of a field."""
    if not isinstance(value, str) or not value.strip():
        raise PatchError(f"{what} is {value!r:.100}; a text that is not empty was expected")
    return text(what, value, LONGEST_NAME)


def text(what: str, value: Any, longest: int = LONGEST_TEXT) -> str:
    """Any text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise PatchError(f"{what} is {value!r:.100}; text was expected")
    if len(value) > longest:
        raise PatchError(f"{what} has {len(value)} characters, {value[:40]!r}…; at most {longest} are kept")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PatchError(f"{what} is {value!r:.100}, which holds half a character (a lone surrogate)") from None
    return str(value)


def number(what: str, value: Any) -> float:
    """A finite number, as float; minus zero is the one zero. A Decimal is a number, too."""
    if not isinstance(value, Real | Decimal) or isinstance(value, bool):
        raise PatchError(f"{what} is {value!r:.100}; a number was expected")
    try:
        # A short float of numpy says 9.99, as its text does, not 9.989999771118164.
        found = float(str(value) if isinstance(value, np.floating) else value) + 0.0
    except (OverflowError, ValueError):  # the latter for a signalling NaN
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
    item, kind = an_id(f"{what}: item", values["item"]), name(f"{what}: type", values["type"])
    value = None if values["value"] is None else number(f"{what}: value", values["value"])
    return {"item": item, "type": kind, "value": value}


def item_values(what: str, values: Any) -> dict[str, Any]:
    """The fields of an item by name, each checked by its kind in `ITEM_FIELDS`, else as a feature; None: unknown."""
    if not isinstance(values, Mapping) or not values:
        raise PatchError(f"{what}: at least one field and its value were expected")
    if len(values) > MOST_FIELDS:
        raise PatchError(f"{what}: {len(values)} fields; at most {MOST_FIELDS} are kept")
    for field in values:
        name(f"{what}: the name of a field", field)
        if field in RESERVED:
            raise PatchError(f"{what}: {field} is no field of an item; {', '.join(RESERVED)} mean something else")
    return {str(one): None if v is None else _value(f"{what}: {one}", one, v) for one, v in values.items()}


def declared(what: str, names: Collection[str], features: Collection[str] | None, more: Collection[str] = ()) -> None:
    """The names of an item's fields, each of `ITEM_FIELDS`, of `features` or of `more`.

    features: those that are declared; None where nobody says which are. Then only a name that nearly is a field's is
    refused.
    """
    for one in names:
        if one in _FIELDS or one in more or one in (features or ()):
            continue
        known = [*_FIELDS, *more, *(features or ())]
        close = _closest(one, known, 0.6 if features is not None else NEARLY)
        if close is None and features is None:
            continue
        meant = f"there are {', '.join(known)}" if close is None else f"did you mean {close!r}?"
        raise PatchError(
            f"{what}: nobody reads {one!r:.100}; {meant} A feature is declared in [items.features] of the configuration"
        )


def _closest(name: str, known: Collection[str], cutoff: float) -> str | None:
    from difflib import get_close_matches  # few patches have a wrong name

    return next(iter(get_close_matches(name.strip().lower()[:LONGEST_NAME], known, 1, cutoff)), None)


def refusal(field: str, value: Any) -> str | None:
    """Why a reader cannot take a value out of a log, which an older writer may have kept; None where it can."""
    try:
        if value is not None:
            _value(field, field, value)
    except PatchError as error:
        return str(error)
    return None


def _value(what: str, name: str, value: Any) -> Any:
    field = _FIELDS.get(name)
    return _feature(what, value) if field is None else _CHECKS[field.kind](what, value, field)


def _text(what: str, value: Any, field: ItemField) -> str:
    return text(what, value, LONGEST_NAME if field.filterable else LONGEST_TEXT)


def _number(what: str, value: Any, field: ItemField) -> float:
    found = number(what, value)
    if field.least is not None and found < field.least:
        raise PatchError(f"{what} is {value!r}; {field.least:g} or more was expected")
    return found


def _switch(what: str, value: Any, _: ItemField) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Real | Decimal) and number(what, value) in (0, 1):
        return bool(value)
    raise PatchError(f"{what} is {value!r:.100}; true or false was expected")


def _path(what: str, value: Any, _: ItemField) -> list[str]:
    if not isinstance(value, list | tuple):
        raise PatchError(f"{what} is {value!r:.100}; a list of texts, the widest first, was expected")
    if len(value) > LONGEST_PATH:
        raise PatchError(f"{what} has {len(value)} names; at most {LONGEST_PATH} are kept")
    return [text(what, part, LONGEST_NAME) for part in value]


def _id(what: str, value: Any, _: ItemField) -> str | None:
    """An id; None for an empty text, which says that there is none."""
    try:
        found = clean_id(value)
    except TypeError:
        raise PatchError(f"{what} is {value!r:.100}; an id, a text or a whole number, was expected") from None
    return name(what, found) if found else None


_FIELDS = {field.name: field for field in ITEM_FIELDS}
_CHECKS: dict[Kind, Callable[[str, Any, ItemField], Any]] = {
    "text": _text,
    "number": _number,
    "switch": _switch,
    "path": _path,
    "id": _id,
}


def _feature(what: str, value: Any) -> bool | str | int | float:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return text(what, value)
    if isinstance(value, Integral):
        if abs(int(value)) > EXACT:
            raise PatchError(f"{what} is beyond ±2**53; a number so large is better given as text")
        return int(value)
    if isinstance(value, Real | Decimal):
        return number(what, value)
    raise PatchError(f"{what} is {value!r:.100}; a feature is a text, a number, true or false")


def iso(moment: int) -> str:
    """A time in microseconds since 1970 as ISO 8601, UTC."""
    return (EPOCH + timedelta(microseconds=moment)).isoformat(timespec="microseconds").replace("+00:00", "Z")
