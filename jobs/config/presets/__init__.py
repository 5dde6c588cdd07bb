"""Settings for kinds of shops, chosen on validation data: TOML files beside this one, read here as plain tables."""

import tomllib
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError

FOLDER = Path(__file__).parent
AUTO = "auto"
"""In place of a preset's name: the night that trains chooses the preset (`jobs.evaluation.tuning.kind`)."""


def names() -> list[str]:
    """The names of all presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def text(name: str) -> str:
    """The file of a preset, as it stands.

    Raises ConfigError when no preset has that name.
    """
    if name not in names():
        raise ConfigError(f"no preset {name!r}; there are {', '.join(names())}")
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def under(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """A configuration's tables, with a preset's keys where it has none of its own.

    Raises ConfigError when no preset has that name.
    """
    merged = dict(data)
    for section, table in tomllib.loads(text(name)).items():
        own = data.get(section, {})
        if isinstance(own, dict):  # `fill` refuses anything else by its name
            merged[section] = table | own
    return merged
