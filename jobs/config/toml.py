"""TOML tables into dataclasses: names and types are those of the fields, and what does not fit is said by its key."""

import dataclasses
import types
import typing
from typing import Any

from jobs.errors import ConfigError


def fill(kind: type, data: dict[str, Any], source: str, where: str) -> Any:
    """Make a dataclass of a TOML table.

    source: the file, and where: the table's place in it (such as "train."), for messages.

    Raises ConfigError, naming file and key, for an unknown or missing key and for a value of another type.
    """
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}
    for key in data:
        if key not in known:
            raise ConfigError(f"{source}: unknown key {where}{key}; expected one of {', '.join(known)}")
    for name, spec in known.items():
        missing = spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING
        if missing and name not in data:
            raise ConfigError(f"{source}: {where}{name} is missing")
    return kind(**{key: _value(hints[key], value, source, where + key) for key, value in data.items()})


def _value(hint: Any, value: Any, source: str, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return fill(typing.cast(type, hint), value, source, where + ".")
    if origin is list and isinstance(value, list):
        return [_value(args[0], v, source, f"{where}[{n}]") for n, v in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        return {k: _value(args[1], v, source, f"{where}.{k}") for k, v in value.items()}
    if origin in (types.UnionType, typing.Union):
        for part in args:
            table = dataclasses.is_dataclass(part) and isinstance(value, dict)
            if table or isinstance(value, typing.get_origin(part) or part):
                return _value(part, value, source, where)
    elif hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif origin is None and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    expected = getattr(hint, "__name__", None) or str(hint)
    raise ConfigError(f"{source}: {where} must be {expected}, not {value!r}")
