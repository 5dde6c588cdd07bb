"""What the values of a manifest must be: checked when it is read, so that a wrong one is named and not met later."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from lookup.release import schema
from lookup.release.schema import NUMBER, TEXT

BOUGHT = ("include", "exclude", "separate")


class Rule(NamedTuple):
    """What a field of the manifest must be."""

    field: str
    valid: Callable[[Any], bool]
    expected: str

    def complaint(self, value: object) -> str:
        """What is wrong with a value, and what is expected."""
        verb = "are" if self.field in ("dims", "counts", "features", "weights", "metrics") else "is"
        return f"{self.field} {verb} {value!r}; {self.expected}"


def fits(value: object, kind: Any) -> bool:
    """Whether a value of JSON is of the type of a dataclass field; a whole number is a float, too."""
    if kind == list[float]:
        return isinstance(value, list) and all(fits(one, float) for one in value)
    if kind == float | None:
        return value is None or fits(value, float)
    return isinstance(value, (int, float) if kind is float else kind)


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(map(_object, value))


def _size(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _text(value: object) -> bool:
    return isinstance(value, str)


def _day(value: object) -> bool:
    try:
        date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _dims(value: object) -> bool:
    return isinstance(value, Mapping) and all(_size(value.get(one.letter)) for one in schema.LETTERS)


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(_size(value.get(name)) for name in ("items", "users", "events"))


def _weights(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(w, int | float) and w >= 0 for w in value.values())


def _features(value: object) -> bool:
    return isinstance(value, dict) and all(kind in (NUMBER, TEXT) for kind in value.values())


RULES = (
    Rule("id", _text, "text expected"),
    Rule("shop", _text, "text expected"),
    Rule("parent", lambda value: value is None or _text(value), "the id of a release or null expected"),
    Rule("date", _day, "a day expected, such as 2026-11-22"),
    Rule(
        "space_id",
        lambda value: _text(value) and re.fullmatch("[0-9a-f]{16}", value) is not None,
        "16 hexadecimal digits expected",
    ),
    Rule("counts", _counts, "numbers, 0 or more, expected for items, users and events"),
    Rule("model", _object, "an object expected"),
    Rule("metrics", _objects, "a list of objects expected"),
    Rule("receipt", _objects, "a list of objects expected"),
    Rule("override", lambda value: value is None or _object(value), "an object or null expected"),
    Rule("ranker", lambda value: value is None or _object(value), "an object or null expected"),
    Rule("max_history", _size, "a number, 0 or more, expected"),
    Rule("patches_until", _size, "a position, 0 or more, expected"),
    Rule("patches_log", lambda value: value is None or _object(value), "an object or null expected"),
    Rule("weights", _weights, "a number, 0 or more, expected for each event type"),
    Rule("bought", lambda value: value in BOUGHT, f"expected {', '.join(BOUGHT)}"),
    Rule("features", _features, f"{NUMBER!r} or {TEXT!r} expected for each name"),
    Rule("dims", _dims, f"a size, 0 or more, expected for each of {', '.join(one.letter for one in schema.LETTERS)}"),
)
