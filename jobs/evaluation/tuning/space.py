"""The search space: which settings, between which bounds, for which kind of shop."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from optuna.distributions import FloatDistribution

from jobs.config.presets.settings import Preset


@dataclass(frozen=True)
class SettingKind:
    """The facts that decide whether a setting matters."""

    preset: Preset
    """The preset from which the search starts."""
    texts: bool
    """Whether the items have texts."""


def _always(kind: SettingKind) -> bool:
    return True


def _repeats(kind: SettingKind) -> bool:
    return kind.preset.train.repeat > 0


def _first_purchases(kind: SettingKind) -> bool:
    return kind.preset.train.first > 0 or kind.preset.train.first_popular > 0


def _texts(kind: SettingKind) -> bool:
    return kind.texts


def _transitions(kind: SettingKind) -> bool:
    return kind.preset.train.follow > 0


def _unordered_transitions(kind: SettingKind) -> bool:
    return _transitions(kind) and not kind.preset.train.ordered


@dataclass(frozen=True)
class Setting:
    """A setting to search. On a log scale a preset's 0 switches the setting off, and the search leaves it off."""

    key: str
    """Its section and name in the configuration."""
    low: float
    high: float
    log: bool = False
    only: Callable[[SettingKind], bool] = _always


SPACE = (
    Setting("train.learning_rate", 1e-3, 1e-2, log=True),
    Setting("train.weight_decay", 0.005, 0.5, log=True),
    Setting("train.temperature", 0.05, 0.25, log=True),
    Setting("train.popularity", 0.0, 1.5),
    Setting("train.input_dropout", 0.0, 0.7),
    Setting("train.event_dropout", 0.0, 0.5),
    Setting("train.own_dropout", 0.0, 0.3),
    Setting("train.odds", 1.0, 20.0, log=True, only=_repeats),
    Setting("train.even", 0.0, 100.0, only=_repeats),
    Setting("train.first", 0.03, 3.0, log=True, only=_first_purchases),
    Setting("train.first_popular", 0.1, 10.0, log=True, only=_first_purchases),
    Setting("train.follow", 5.0, 2000.0, log=True),
    Setting("train.follow_ridge", 1.0, 1000.0, log=True, only=_transitions),
    Setting("train.follow_shrink", 0.0, 10.0, only=_transitions),
    Setting("train.follow_alike", 0.3, 20.0, log=True, only=_texts),
    Setting("train.follow_power", 0.0, 1.0, only=_unordered_transitions),
    Setting("embed.weight", 0.05, 10.0, log=True, only=_texts),
)


def space(kind: SettingKind) -> dict[str, FloatDistribution]:
    """Return the bounds of every setting to search, by key; widened where the preset's own value is outside them."""
    values = {one.key: value(kind.preset, one.key) for one in SPACE}
    return {
        one.key: FloatDistribution(min(one.low, values[one.key]), max(one.high, values[one.key]), log=one.log)
        for one in SPACE
        if one.only(kind) and not (one.log and values[one.key] == 0)
    }


def value(preset: Preset, key: str) -> float:
    """Return the value of a key in a preset."""
    section, name = key.split(".")
    return float(getattr(getattr(preset, section), name))


def changed(preset: Preset, values: dict[str, float]) -> Preset:
    """Return a preset with other values, by key. Values have three significant digits, those that are written down."""
    for key, number in values.items():
        if number != value(preset, key):
            section, name = key.split(".")
            table = dataclasses.replace(getattr(preset, section), **{name: float(f"{number:.3g}")})
            preset = dataclasses.replace(preset, **{section: table})
    return preset
