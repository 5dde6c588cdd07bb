"""From what was fitted to the encoder that a release carries."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jobs.config import Train
from lookup.encoder import Encoder


def of_followers(settings: Train) -> Encoder:
    """An encoder without heads: how events fade for the followers."""
    return Encoder(
        half_lives=tuple(half_life or float("inf") for half_life in settings.half_lives),
        mix=(),
        widths=(),
        next_mix=tuple(settings.fading),
        next_power=settings.follow_power,
        repeat=settings.repeat,
    )


def encoder(widths: Sequence[int], mix: Sequence[Sequence[float]], text: int, settings: Train) -> Encoder:
    """The encoder of a model. widths, mix: of its heads. text: dimensions of the text part, whose events fade as those
    of the heads do on average.
    """
    parts = [*mix, np.mean(mix, axis=0).tolist()]
    return replace(of_followers(settings), mix=tuple(map(tuple, parts)), widths=(*widths, text))
