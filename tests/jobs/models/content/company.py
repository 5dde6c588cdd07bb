"""Whether an encoder of texts gives a text the same bits in whatever company."""

from collections.abc import Sequence
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Encoder(Protocol):
    def encode(self, texts: Sequence[str | None]) -> NDArray[np.float32]: ...


def assert_same_bits(encoder: Encoder, module: ModuleType, texts: list[str], chunk: int) -> None:
    """In another order, in pieces of another size (`CHUNK` of its module), and alone."""
    whole = encoder.encode(texts)
    before, module.CHUNK = module.CHUNK, chunk  # type: ignore[attr-defined]
    try:
        np.testing.assert_array_equal(encoder.encode(texts[::-1])[::-1], whole)
    finally:
        module.CHUNK = before  # type: ignore[attr-defined]
    for text, vector in zip(texts, whole, strict=True):
        np.testing.assert_array_equal(encoder.encode([text])[0], vector)
