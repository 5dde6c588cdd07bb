"""TOML tables into dataclasses. Pydantic checks them; an error names file, key, value and what is expected."""

import dataclasses
import difflib
import typing
from collections.abc import Iterator
from datetime import date, time
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from jobs.config.bounds import EXPECTED
from jobs.errors import ConfigError
from jobs.infra.spark import SECRET
from lookup.log_address import redacted

T = TypeVar("T")
SIMILAR = 0.7
"""How alike a key and an unknown one must be, by `difflib`, for the key to be suggested."""
MOST = 20
"""How many mistakes are told."""
Place = tuple[str, ...]
"""Where a table stands: the names of the tables around it and its own. The tables of a list share one place."""
WANTED = {
    "dataclass_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "too_short": "a list that is not empty",
    "string_pattern_mismatch": "a text without the character NUL",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "bool_type": "true or false",
}
"""What pydantic's own errors expect, by their type."""


def fill(kind: type[T], data: dict[str, Any], source: str, where: str = "") -> T:
    """Make a dataclass of a TOML table.

    source: the file, and where: the table's place in it (such as "train."), for messages.

    Raises ConfigError with a line for each mistake. A line names file and key, and says what was found and what is
    expected; for an unknown key it suggests the one that is meant.
    """
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        tables = dict(_tables(kind))
        said = [f"{source}: {_say(one, tables, where)}" for one in error.errors(include_url=False)[:MOST]]
        more = error.error_count() - len(said)
        raise ConfigError("\n".join([*said, *([f"{source}: {more} more mistakes"] if more else [])])) from None


def _say(error: ErrorDetails, tables: dict[Place, list[str]], where: str) -> str:
    """One mistake in words."""
    path, context = error["loc"], error.get("ctx", {})
    key = where + "".join(f"[{part}]" if isinstance(part, int) else f".{_word(part)}" for part in path).removeprefix(
        "."
    )
    if error["type"] == "missing":
        return f"{key} is missing"
    if error["type"] == "unexpected_keyword_argument":
        return _unknown(key, tuple(part for part in path if isinstance(part, str)), tables, where)
    if "key" in context:  # a check between fields that a table reports of one of its own
        key, found = f"{key}.{context['key']}", context["found"]
    else:
        found = error["input"]
    if error["type"] == EXPECTED:
        wanted = error["msg"]
    elif error["type"] == "literal_error":
        wanted = context["expected"].replace("'", "")
    else:
        wanted = WANTED.get(error["type"]) or error["msg"].removeprefix("Input should be ")
    if SECRET.search(key):
        return f"{key} must be {wanted}, not …"
    if not isinstance(found, dict):
        return f"{key} must be {wanted}, not {_value(found)}"
    return f"{key} must be {wanted}" + (", not a table" if error["type"] in WANTED else "")


def _word(key: str) -> str:
    """A key as a message has it: on one line, not longer than one, and without passwords."""
    key = redacted(key)
    return f"{key:.80}" if key and key.isprintable() else f"{key!r:.80}"


def _value(found: object) -> str:
    """A value as a message has it: as TOML writes it, as far as a line goes, and without passwords."""
    if isinstance(found, bool):
        return str(found).lower()
    return f"{found.isoformat() if isinstance(found, date | time) else repr(_shown(found)):.80}"


def _shown(found: object) -> object:
    """A value without the passwords of the URLs in it."""
    if isinstance(found, dict):
        return {_shown(key): _shown(one) for key, one in found.items()}
    if isinstance(found, list):
        return [_shown(one) for one in found]
    return redacted(found) if isinstance(found, str) else found


def _unknown(key: str, place: Place, tables: dict[Place, list[str]], where: str) -> str:
    """Names the keys of the table, and the one that is meant: a similar one, or the same one of another table."""
    *table, name = place
    names = tables[tuple(table)]
    meant = [".".join([*table, one]) for one in difflib.get_close_matches(name, names, 1, SIMILAR)]
    meant += [".".join([*other, name]) for other, known in tables.items() if name in known]
    suggested = f"; did you mean {where}{meant[0]}?" if meant else ""
    return f"unknown key {key}; expected one of {', '.join(names)}{suggested}"


def _fields(kind: Any) -> dict[str, Any]:
    found: dict[str, Any] = kind.__pydantic_fields__
    return found


def _tables(kind: Any, place: Place = ()) -> Iterator[tuple[Place, list[str]]]:
    """The places of a dataclass and of the dataclasses in it, and the keys of each."""
    if dataclasses.is_dataclass(kind):
        yield place, [field.alias or name for name, field in _fields(kind).items()]
        for name, hint in typing.get_type_hints(kind).items():
            yield from _tables(hint, (*place, name))
    for part in typing.get_args(kind):
        yield from _tables(part, place)
