"""From what was fitted to the encoder that a release carries."""

from collections.abc import Sequence

import numpy as np

from jobs.config.learning import TrainConfig
from lookup.scoring.user_encoder import UserEncoder


def encoder(
    settings: TrainConfig,
    widths: Sequence[int],
    mix: Sequence[Sequence[float]],
    *,
    text: int,
) -> UserEncoder:
    """The encoder of a model. widths, mix: of its heads. text: dimensions of the text part, whose events fade as those
    of the heads do on average.
    """
    parts = [*mix, np.mean(mix, axis=0).tolist()]
    return UserEncoder(
        half_lives=_half_lives(settings),
        mix=tuple(map(tuple, parts)),
        widths=(*widths, text),
        next_mix=tuple(settings.fading),
        next_power=settings.follow_power,
        repeat_mix=tuple(settings.fading),
        repeat=settings.repeat,
        kept=settings.kept if settings.repeat else 1.0,
    )


def of_followers(settings: TrainConfig) -> UserEncoder:
    """An encoder without heads: how events fade for the followers."""
    return UserEncoder(_half_lives(settings), (), (), tuple(settings.fading), settings.follow_power, (), 0.0, 1.0)


def _half_lives(settings: TrainConfig) -> tuple[float, ...]:
    return tuple(half_life or float("inf") for half_life in settings.half_lives)
