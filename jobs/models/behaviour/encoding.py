"""From what was fitted to the score parameters that a release carries."""

from collections.abc import Sequence

import numpy as np

from jobs.config.learning import TrainConfig
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder


def score_parameters(
    settings: TrainConfig,
    widths: Sequence[int],
    mix: Sequence[Sequence[float]],
    *,
    text: int,
) -> ScoreParameters:
    """The score parameters of a model. widths, mix: of its heads.

    text: how many dimensions the text part has. Its events decay as those of the heads do on average.
    """
    parts = [*mix, np.mean(mix, axis=0).tolist()]
    return ScoreParameters(
        UserEncoder(half_lives=_half_lives(settings), mix=tuple(map(tuple, parts)), widths=(*widths, text)),
        transition_mix=tuple(settings.fading),
        transition_power=settings.follow_power,
        repeat_mix=tuple(settings.fading),
        repeat_weight=settings.repeat,
        kept_share=settings.kept if settings.repeat else 1.0,
    )


def transition_parameters(settings: TrainConfig) -> ScoreParameters:
    """Parameters without heads and repeats: only how the transitions from a history's items decay."""
    return ScoreParameters(
        UserEncoder(_half_lives(settings), mix=(), widths=()),
        transition_mix=tuple(settings.fading),
        transition_power=settings.follow_power,
        repeat_mix=(),
        repeat_weight=0.0,
        kept_share=1.0,
    )


def _half_lives(settings: TrainConfig) -> tuple[float, ...]:
    return tuple(half_life or float("inf") for half_life in settings.half_lives)
