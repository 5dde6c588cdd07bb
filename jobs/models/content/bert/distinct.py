"""What encoders of texts have in common: equal texts are computed once, and blank ones not at all."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.models.content.bert.weights import Matrix


def vectors_of(
    texts: Sequence[str | None], width: int, fill: Callable[[list[str], Matrix], None], computing: str
) -> NDArray[np.float32]:
    """Return the vectors of texts, float32, shape (n, width); zeros for None and blank texts.

    fill: writes the vectors of texts, all different and none blank, into an array. computing: in what, for the
    DataError where the model gives something else than numbers.
    """
    different = {text: 0 for text in texts if text and text.strip()}
    several = list(different)
    different.update(zip(several, range(len(several)), strict=True))
    vectors = np.empty((len(several) + 1, width), dtype=np.float32)
    vectors[-1] = 0.0
    if several:
        fill(several, vectors[:-1])
    if not np.isfinite(vectors.sum()):  # one that is not makes the sum so
        wrong = several[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
        raise DataError(f'the text model makes no numbers of {wrong!r} in {computing}: set embed.precision = "float32"')
    if len(several) == len(texts):
        return vectors[:-1]
    return vectors[[different.get(text, -1) if text else -1 for text in texts]]
