"""The score parameters of a release, made from the settings and the fitted numbers of a model."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from lookup.scoring.parts import BEHAVIOUR, Part
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder


class Repeats(NamedTuple):
    """How the times that a user took an item count in its score: see `ScoreParameters`."""

    weight: float
    """`repeat_weight`."""
    mix: Sequence[float]
    """`repeat_mix`."""
    power: float = 0.0
    """`repeat_power`."""

    @classmethod
    def of(cls, settings: TrainConfig) -> "Repeats":
        """What the settings say."""
        return cls(settings.repeat, settings.fading)

    @classmethod
    def found(cls, numbers: Mapping[str, NDArray[Any]]) -> "Repeats | None":
        """What a fit found, from its numbers; None where it did not look."""
        if "repeat" not in numbers:
            return None
        return cls(float(numbers["repeat"]), numbers["repeat_mix"].tolist(), float(numbers["repeat_power"]))

    def numbers(self) -> dict[str, NDArray[Any]]:
        """What `found` reads."""
        values = {"repeat": self.weight, "repeat_mix": self.mix, "repeat_power": self.power}
        return {name: np.asarray(value) for name, value in values.items()}


def score_parameters(
    settings: TrainConfig,
    widths: Sequence[int],
    mix: Sequence[Sequence[float]],
    content: Sequence[tuple[Part, int]],
    repeats: Repeats | None = None,
) -> ScoreParameters:
    """Make the score parameters of a model.

    widths: dimensions of each head. mix: the shares of the half-lives of each head. content: the content parts in
    order, each with its dimensions. Events decay in them as they do in the heads on average. repeats: what the fit
    found; None: what the settings say.
    """
    again = repeats or Repeats.of(settings)
    usual = np.mean(mix, axis=0).tolist()
    encoder = UserEncoder(
        half_lives=_half_lives(settings),
        mix=tuple(map(tuple, [*mix, *(usual for _ in content)])),
        widths=(*widths, *(width for _, width in content)),
        parts=(Part(BEHAVIOUR, len(widths)), *(part for part, _ in content)),
    )
    return ScoreParameters(
        encoder,
        transition_mix=tuple(settings.fading),
        transition_power=settings.follow_power,
        repeat_mix=tuple(again.mix),
        repeat_weight=again.weight,
        kept_share=settings.kept if settings.repeat else 1.0,
        kept_next=settings.kept_next if settings.repeat else 1.0,
        repeat_power=again.power,
    )


def transition_parameters(settings: TrainConfig) -> ScoreParameters:
    """Make parameters without heads and repeats: they say only how transitions from a history's items decay."""
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
