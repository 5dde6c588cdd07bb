"""Texts to vectors in int8, on several threads. A text is never padded, and none waits for a longer one."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.infra.machine.cores import usable_cores
from jobs.models.content.bert.distinct import vectors_of
from jobs.models.content.bert.known import KnownModel
from jobs.models.content.int8.model import Int8Transformer, runs, takes

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LEAST_COSINE = 0.9992
"""To float32, of each of PROBES; a model that int8 moves further is not computed so."""
CHUNK = 128
"""Texts that a thread takes at a time."""


class Int8TextEncoder:
    """A text model whose products are in int8. Any number of threads may use it."""

    computing = "int8"

    def __init__(self, model: Int8Transformer, tokenizer: "Tokenizer", threads: int | None = None):
        """threads: that compute; None: as many as torch has, where that was imported, or as there are processors."""
        self.model, self.tokenizer, self.threads = model, tokenizer, threads
        self.dimensions = model.width

    @classmethod
    def of(cls, model: str, *, max_tokens: int, threads: int | None) -> "Int8TextEncoder | None":
        """The encoder of a model that `TextEncoder` takes; None where it cannot be, or where a cosine is too low.

        So the same files are computed in the same way everywhere where the kernel runs. Raises ConfigError where the
        model pools tokens in another way than `TextEncoder` does.
        """
        known = KnownModel.of(model, max_tokens) if runs() else None
        if known is None or not takes(known.weights):
            return None
        made = cls(Int8Transformer(known.weights, known.first_token), known.tokenizer, threads)
        return made if known.least_cosine(made.model.vectors) >= LEAST_COSINE else None

    def encode(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Return the vectors of texts, float32, shape (n, dimensions), of length 1; zeros for None and blank texts.

        The vector of a text has the same bits whatever other texts there are. Raises DataError where the model gives
        something else than numbers.
        """

        def fill(several: list[str], vectors: NDArray[np.float32]) -> None:
            def part(first: int) -> None:
                some = several[first : first + CHUNK]
                found = self.tokenizer.encode_batch(some) if len(some) > 1 else [self.tokenizer.encode(some[0])]
                vectors[first : first + len(some)] = self.model.vectors([one.ids for one in found])

            chunks = range(0, len(several), CHUNK)
            if len(chunks) == 1:
                part(0)
                return
            with ThreadPoolExecutor(min(self.threads or _threads(), len(chunks))) as pool:
                for _ in pool.map(part, chunks):
                    pass  # an error in a chunk is raised here

        return vectors_of(texts, self.dimensions, fill, self.computing)


def _threads() -> int:
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else max(1, int(usable_cores()))
