"""What the values of a manifest must be: checked when it is read, so that a wrong one is named and not met later."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from lookup.release import schema
from lookup.release.pointer import RELEASE_ID
from lookup.release.schema import NUMBER, TEXT
from lookup.retrieval.index_choice import METHODS
from lookup.scoring.parts import behaviour_and_text

LARGEST = 1e15
"""No number of a manifest comes near it."""
MOST = (1 << 31) - 1
"""No size or count of a release is larger: item rows are int32."""
FILE_NAME = re.compile(r"(?:[A-Za-z0-9_][\w.-]*/)*[A-Za-z0-9_][\w.-]*", re.ASCII)
"""The name of a file inside a release; no other is ever opened."""
MOST_SHARDS = 1000
"""A release has no more."""
SHARDED = ("U", "E")
"""The letters whose sizes each shard has for itself."""
LISTED_PARTS = 5
"""The schema version whose encoders list their parts."""
BOUGHT = ("include", "exclude", "separate")
VERDICTS = ("passed", "held", "broken")


class Rule(NamedTuple):
    """What a field of the manifest must be."""

    field: str
    valid: Callable[[Any], bool]
    expected: str

    def complaint(self, value: object) -> str:
        """What is wrong with a value, and what is expected."""
        verb = "are" if self.field in ("dims", "counts", "features", "weights", "metrics", "files", "shards") else "is"
        return f"{self.field} {verb} {value!r:.300}; {self.expected}"


def fits(value: object, kind: Any) -> bool:
    """Whether a value of JSON is of the type of a dataclass field; a whole number is a float, too, and no float is
    infinite or NaN.
    """
    if kind == list[float]:
        return isinstance(value, list) and all(fits(one, float) for one in value)
    if kind == float | None:
        return value is None or fits(value, float)
    if kind is float:
        return _number(value) and -LARGEST < value < LARGEST  # type: ignore[operator]
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(map(_object, value))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(value: object) -> bool:
    return fits(value, float) and 0 <= value <= 1  # type: ignore[operator]


def _size(value: object) -> bool:
    return fits(value, int) and 0 <= value <= MOST  # type: ignore[operator]


def _count(value: object) -> bool:
    return _size(value) and value != 0


def _position(value: object) -> bool:
    return fits(value, int) and 0 <= value < 1 << 63  # type: ignore[operator]


def _positive(value: object) -> bool:
    return fits(value, float) and value >= 0  # type: ignore[operator]


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


def _shards(value: object) -> bool:
    if value is None:
        return True
    return (
        _objects(value)
        and 2 <= len(value) <= MOST_SHARDS  # type: ignore[arg-type]
        and all(_size(one.get(letter)) for one in value for letter in SHARDED)  # type: ignore[attr-defined]
    )


def _weights(value: object) -> bool:
    return isinstance(value, dict) and all(map(_positive, value.values()))


def _validation(value: object) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and value.get("verdict") in VERDICTS
        and _text(value.get("files"))
        and _objects(value.get("held_for"))
    )


def _features(value: object) -> bool:
    return isinstance(value, dict) and all(kind in (NUMBER, TEXT) for kind in value.values())


def _id(value: object) -> bool:
    return isinstance(value, str) and RELEASE_ID.fullmatch(value) is not None


def _files(value: object) -> bool:
    return isinstance(value, dict) and all(map(FILE_NAME.fullmatch, value)) and all(map(_file, value.values()))


def _file(fact: object) -> bool:
    if not isinstance(fact, dict) or not _position(fact.get("bytes")):
        return False
    return isinstance(fact.get("sha256"), str) and re.fullmatch("[0-9a-f]{64}", fact["sha256"]) is not None


RULES = (
    Rule("id", _id, "the id of a release expected, such as 20261122T031500Z-3f9a"),
    Rule("shop", _text, "text expected"),
    Rule("parent", lambda value: value is None or _id(value), "the id of a release or null expected"),
    Rule("date", _day, "a day expected, such as 2026-11-22"),
    Rule("ages_from", lambda value: value is None or _day(value), "a day or null expected, such as 2026-11-22"),
    Rule(
        "space_id",
        lambda value: _text(value) and re.fullmatch("[0-9a-f]{16}", value) is not None,
        "16 hexadecimal digits expected",
    ),
    Rule("counts", _counts, "numbers, 0 or more, expected for items, users and events"),
    Rule("model", _object, "an object expected"),
    Rule("metrics", _objects, "a list of objects expected"),
    Rule("receipt", _objects, "a list of objects expected"),
    Rule("later_receipts", lambda value: value is None or _objects(value), "a list of objects or null expected"),
    Rule("override", lambda value: value is None or _object(value), "an object or null expected"),
    Rule("validation", _validation, f"null or an object expected: verdict ({', '.join(VERDICTS)}), files, held_for"),
    Rule("ranker", lambda value: value is None or _object(value), "an object or null expected"),
    Rule("max_history", _count, "a number, 1 or more, expected"),
    Rule("patches_until", _position, "a position, 0 or more, expected"),
    Rule("patches_log", lambda value: value is None or _object(value), "an object or null expected"),
    Rule("weights", _weights, "a number, 0 or more, expected for each event type"),
    Rule("bought", lambda value: value in BOUGHT, f"expected {', '.join(BOUGHT)}"),
    Rule("features", _features, f"{NUMBER!r} or {TEXT!r} expected for each name"),
    Rule("dims", _dims, f"a size, 0 or more, expected for each of {', '.join(one.letter for one in schema.LETTERS)}"),
    Rule("shards", _shards, f"null or 2 to {MOST_SHARDS} shards expected, each with its {' and '.join(SHARDED)}"),
    Rule("files", _files, "names inside the release expected, each with its bytes and its sha256"),
)

PART_RULES = {
    "annoy": (
        Rule("file", lambda value: FILE_NAME.fullmatch(value) is not None, "the name of a file expected"),
        Rule("trees", _count, "a number, 1 or more, expected"),
        Rule("norm", _positive, "a number, 0 or more, expected"),
    ),
    "search": (
        Rule("method", lambda value: value in METHODS, f"expected {', '.join(METHODS)}"),
        Rule("recall", _share, "a share, 0 to 1, expected"),
        Rule("survivors", _size, "a number, 0 or more, expected"),
        Rule("search_k", _size, "a number, 0 or more, expected"),
    ),
    "describe": (Rule("temperature", lambda value: value > 0, "a number above 0 expected"),),
}
"""What the fields of a part must be beside their types, by the key of the part in JSON."""


def with_parts(encoder: Any, describe: Any) -> Any:
    """The encoder of a release from before it had parts, with those that its readers took for granted.

    Raises TypeError where `describe` does not say how much the text counts.
    """
    if not isinstance(encoder, dict) or not isinstance(encoder.get("widths"), list):
        return encoder  # what is wrong with it is told where it is read
    found = {}
    for name, kind in (("weight", float), ("text_cosine", float | None)):
        if name not in describe:
            raise TypeError(f"{name} is missing")
        if not fits(describe[name], kind):
            raise TypeError(f"{name} is {describe[name]!r}")
        found[name] = describe[name]
    parts = behaviour_and_text(len(encoder["widths"]), found["weight"], found["text_cosine"])
    return encoder | {"parts": [part.to_json() for part in parts]}
