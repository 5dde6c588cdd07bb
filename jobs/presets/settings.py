"""A preset as settings: the sections of the configuration that a kind of shop decides."""

import tomllib
from dataclasses import dataclass, field

from jobs import presets
from jobs.config import Embed, Train
from jobs.toml import fill


@dataclass(frozen=True)
class Preset:
    """What a preset sets; what it does not name has its default."""

    train: Train = field(default_factory=Train)
    embed: Embed = field(default_factory=Embed)


def read(name: str) -> Preset:
    """Read a preset by its name.

    Raises ConfigError when there is none of that name.
    """
    preset: Preset = fill(Preset, tomllib.loads(presets.text(name)), str(presets.FOLDER / f"{name}.toml"), "")
    return preset
