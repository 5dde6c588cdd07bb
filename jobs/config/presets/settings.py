"""A preset as settings: the sections of the configuration that a kind of shop decides."""

import tomllib
from dataclasses import dataclass, field

from jobs.config import presets
from jobs.config.learning import EmbedConfig, TrainConfig
from jobs.config.toml import fill


@dataclass(frozen=True)
class Preset:
    """What a preset sets; what it does not name has its default."""

    train: TrainConfig = field(default_factory=TrainConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)


def read(name: str) -> Preset:
    """Read a preset by its name.

    Raises ConfigError when there is none of that name.
    """
    preset: Preset = fill(Preset, tomllib.loads(presets.text(name)), str(presets.FOLDER / f"{name}.toml"), "")
    return preset
