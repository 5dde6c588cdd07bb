"""A preset as settings: the sections of the configuration that a kind of shop decides."""

import tomllib
from dataclasses import field

from pydantic.dataclasses import dataclass

from jobs.config import presets
from jobs.config.bounds import TABLE
from jobs.config.learning import EmbedConfig, TrainConfig
from jobs.config.toml import fill


@dataclass(frozen=True, config=TABLE)
class Preset:
    """What a preset sets; what it does not name has its default."""

    train: TrainConfig = field(default_factory=TrainConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)


def read(name: str) -> Preset:
    """Read a preset by its name.

    Raises ConfigError when no preset has that name.
    """
    return fill(Preset, tomllib.loads(presets.text(name)), str(presets.FOLDER / f"{name}.toml"))
