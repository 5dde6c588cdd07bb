"""Settings for kinds of shops, chosen on validation data: TOML files beside this one."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from jobs.config import Embed, Train
from jobs.errors import ConfigError
from jobs.toml import fill

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Preset:
    """What a preset sets: the sections of the configuration that a kind of shop decides."""

    train: Train = field(default_factory=Train)
    embed: Embed = field(default_factory=Embed)


def names() -> list[str]:
    """The presets there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> Preset:
    """Read a preset by its name.

    Raises ConfigError when there is none of that name.
    """
    path = FOLDER / f"{name}.toml"
    if name not in names():
        raise ConfigError(f"no preset {name!r}; there are {', '.join(names())}")
    preset: Preset = fill(Preset, tomllib.loads(path.read_text(encoding="utf-8")), str(path), "")
    return preset
