"""Texts to vectors on a GPU: it computes a batch while the next one is cut into tokens."""

import threading
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from jobs.infra.machine.cores import usable_cores
from jobs.models.content.bert.distinct import vectors_of
from jobs.models.content.bert.known import KnownModel
from jobs.models.content.bert.weights import Matrix
from jobs.models.content.bert.words import FlatTokens, TextTokens
from jobs.models.content.device.model import PackedTransformer, runs, takes
from jobs.models.content.device.packing import Room, batches
from jobs.models.content.device.runner import Runner

LEAST_COSINE = 0.9992
"""To float32, of each of the probes; a model that this moves further is computed by torch."""
GIVEN_UP = "texts are computed by torch, which is slower"
ROOM = Room(tokens=65_536)
CHUNK = 4096
"""Texts that are cut into tokens at a time."""


class PackedTextEncoder:
    """A text model on a GPU, in bfloat16. Any number of threads may use it; they take turns."""

    computing = "bfloat16"

    def __init__(self, runner: Runner, tokens: TextTokens, threads: int | None = None):
        """threads: that cut texts, where words are not kept; None: as many as there are processors."""
        self.runner, self._tokens, self._turn = runner, tokens, threading.Lock()
        self._threads = 1 if tokens.by_word else threads or max(1, int(usable_cores()))
        self.dimensions = runner.model.width

    @classmethod
    def of(cls, model: str, *, max_tokens: int, device: str, threads: int | None) -> "PackedTextEncoder | None":
        """The encoder of a model that `TextEncoder` takes; None where it cannot be, or where a cosine is too low.

        Raises ConfigError where the model pools tokens in another way than `TextEncoder` does.
        """
        known = KnownModel.of(model, max_tokens) if runs(device) else None
        if known is None or not takes(known.weights):
            return None
        try:
            from jobs.models.content.device import fused

            made = cls(
                Runner(PackedTransformer(known.weights, known.first_token, ROOM, device=device, fused=fused)),
                TextTokens(known.tokenizer),
                threads,
            )
            least = known.least_cosine(made.vectors)
        except Exception as error:  # compilers of kernels raise what they like
            warnings.warn(f"{GIVEN_UP}: {type(error).__name__}: {error}", stacklevel=2)
            return None
        return made if least >= LEAST_COSINE else None

    def encode(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Return the vectors of texts, float32, shape (n, dimensions), of length 1; zeros for None and blank texts.

        The vector of a text has the same bits whatever other texts there are, as long as the kind of GPU and the
        versions of its libraries stay. Raises DataError where the model gives something else than numbers.
        """

        def fill(several: list[str], vectors: Matrix) -> None:
            chunks = [several[first : first + CHUNK] for first in range(0, len(several), CHUNK)]
            with ThreadPoolExecutor(self._threads) as pool:
                self._fill(pool.map(self._tokens.of, chunks), vectors)

        with self._turn:
            return vectors_of(texts, self.dimensions, fill, self.computing)

    def vectors(self, texts: Sequence[Sequence[int]]) -> Matrix:
        """The vectors of texts, likewise. texts: the tokens of each, one at least and no more than the model takes."""
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        found = np.empty((len(texts), self.dimensions), dtype=np.float32)
        tokens = np.fromiter(chain.from_iterable(texts), np.int32, int(lengths.sum()))
        with self._turn:
            self._fill([FlatTokens(tokens, lengths)], found)
        return found

    def _fill(self, parts: Iterable[FlatTokens], vectors: Matrix) -> None:
        """Write the vectors of texts into an array."""
        model, first = self.runner.model, 0
        for made in self.runner.run(batches(parts, model.room, model.first_place)):
            vectors[first : first + len(made)] = made
            first += len(made)
