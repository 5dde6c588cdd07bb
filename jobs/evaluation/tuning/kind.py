"""Which kind of shop it is: the presets are compared on the last known days, in a short study.

Each preset is fitted to a sample of users, for fewer epochs, with smaller vectors and without texts, and its whole
lists are measured. The parts in closed form tell most, and they are whole after any number of epochs. Work is bounded
by counts of users, events and epochs, not by a clock: the same events and seed make the same choice.
"""

from dataclasses import dataclass, replace

import numpy as np

from jobs.config import presets
from jobs.config.learning import TrainConfig
from jobs.config.presets.settings import read
from jobs.evaluation.methods.daybreak import Daybreak
from jobs.evaluation.problems.problem import Problem
from jobs.evaluation.tuning.objective import figure
from jobs.infra.logging import log_line

USUAL = "repeat"
"""The preset of a shop that has too few events to choose."""
WITHOUT_ORDER = "sparse"
"""The preset of events whose order is unknown."""
LEAST = 200
"""Fewer users than these, with events both before and in the last days, choose nothing."""
SHARE = 4
"""One in so many users is learned from, at least LEAST …"""
EVENTS = 30_000
"""… and of those, as many as have about so many events."""
MEASURED = 1000
"""Users whose lists are measured, at most."""
EPOCHS, DIMENSIONS, SAMPLES, TARGETS = 2, 64, 2000, 16
METRIC = "ndcg@10"


@dataclass(frozen=True)
class ChosenKind:
    """What the study finds."""

    preset: str
    reached: dict[str, float]
    """METRIC of the whole lists of each preset; empty where nothing was compared."""
    users: int
    """How many users were measured."""
    why: str | None = None
    """Why nothing was compared."""


def choose(known: Problem | None, *, ordered: bool = True, seed: int = 7) -> ChosenKind:
    """Choose the preset with the highest METRIC.

    known: the last known days held out, as `jobs.evaluation.problems.holdout.held_out` makes it; None where there are
    no such days. ordered: whether the order of events is known.
    """
    if not ordered:
        return _told(ChosenKind(WITHOUT_ORDER, {}, 0, "the order of events is unknown"))
    found = 0 if known is None else len(known.given)
    if known is None or found < LEAST:
        return _told(ChosenKind(USUAL, {}, found, f"{found} users came back in the last days; a choice takes {LEAST}"))
    study = _smaller(known, seed)
    reached = {name: _measured(name, study) for name in presets.names()}
    best = max(reached, key=lambda name: reached[name])
    return _told(ChosenKind(best, reached, len(study.given)))


def short(settings: TrainConfig) -> TrainConfig:
    """The settings of a fit in the study."""
    return replace(
        settings,
        heads=1,
        dimensions=min(settings.dimensions, DIMENSIONS),
        epochs=min(settings.epochs, EPOCHS),
        samples=min(settings.samples or SAMPLES, SAMPLES),
        targets_per_user=min(settings.targets_per_user, TARGETS),
        processes=1,
    )


def _measured(name: str, study: Problem) -> float:
    preset = read(name)
    method = Daybreak(name, short(preset.train), preset.embed)
    method.fit(study, texts=np.zeros((len(study.items), 1), dtype=np.float32))
    return figure(method, study, METRIC, masked=False)


def _smaller(known: Problem, seed: int) -> Problem:
    """The problem with fewer users to learn from, and fewer measured ones; both are drawn by the seed."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(known.train))[: max(LEAST, len(known.train) // SHARE)]
    enough = int(np.searchsorted(np.cumsum(known.train.lengths[drawn]), EVENTS)) + 1
    measured = rng.permutation(len(known.given))[:MEASURED]
    return replace(known.with_users(np.sort(measured)), train=known.train.rows(np.sort(drawn[:enough])))


def _told(choice: ChosenKind) -> ChosenKind:
    log_line("train", "preset", chosen=choice.preset, users=choice.users, **choice.reached, why=choice.why)
    return choice
