"""Batches to vectors, one after another. On a GPU a batch is one graph, and copies run beside it."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.models.content.device.model import PackedTransformer
from jobs.models.content.device.packing import Batch

WARM = 2
"""Runs before the graph is recorded: they compile the kernels, and choose those of the products."""


class Runner:
    """Runs one model. For one thread at a time."""

    def __init__(self, model: PackedTransformer):
        self.model = model
        self._numbers = torch.zeros(model.room.numbers, dtype=torch.int32, device=model.device)
        self._slots: list[_Slot] = []
        if model.device.type == "cuda":
            with torch.cuda.device(model.device):
                self._record()

    def run(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        """Yield the vectors of each batch, float32 (texts, width). What was yielded is overwritten later on.

        Raises ValueError where a batch has tokens or places that the model does not have.
        """
        if not self._slots:
            for batch in batches:
                self.model.check(batch)
                yield self.model.vectors(torch.from_numpy(batch.numbers))[: batch.texts].numpy()
            return
        before: tuple[_Slot, int] | None = None
        for number, batch in enumerate(batches):
            self.model.check(batch)
            slot = self._slots[number % len(self._slots)]
            self._start(slot, batch)
            if before is not None:
                yield before[0].end(before[1])
            before = slot, batch.texts
        if before is not None:
            yield before[0].end(before[1])

    def replay(self) -> None:
        """Compute the batch that is on the device, again: to measure how long that takes."""
        self._graph.replay()

    def _record(self) -> None:
        device = self.model.device
        self._own, self._back = torch.cuda.Stream(device), torch.cuda.Stream(device)
        self._own.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(self._own):
            for _ in range(WARM):
                self.model.vectors(self._numbers)
            self._graph: Any = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._own, capture_error_mode="thread_local"):
                self._found = self.model.vectors(self._numbers)
        self._slots = [_Slot.like(self._numbers, self._found) for _ in range(2)]

    def _start(self, slot: "_Slot", batch: Batch) -> None:
        """Let the device compute a batch, and copy the vectors back while it computes the next one."""
        slot.numbers.numpy()[:] = batch.numbers
        with torch.cuda.stream(self._own):
            self._numbers.copy_(slot.numbers, non_blocking=True)
            self._graph.replay()
            slot.there[: batch.texts].copy_(self._found[: batch.texts])
            slot.made.record(self._own)
        with torch.cuda.stream(self._back):
            self._back.wait_event(slot.made)
            slot.here[: batch.texts].copy_(slot.there[: batch.texts], non_blocking=True)
            slot.copied.record(self._back)


class _Slot(NamedTuple):
    """What one batch has for itself while another one is under way."""

    numbers: torch.Tensor
    """Page-locked, as `here` is."""
    there: torch.Tensor
    here: torch.Tensor
    made: Any
    copied: Any

    @classmethod
    def like(cls, numbers: torch.Tensor, found: torch.Tensor) -> "_Slot":
        return cls(
            torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True),
            torch.empty_like(found),
            torch.empty(found.shape, dtype=found.dtype, pin_memory=True),
            torch.cuda.Event(),
            torch.cuda.Event(),
        )

    def end(self, texts: int) -> NDArray[np.float32]:
        """Wait for the vectors."""
        self.copied.synchronize()
        found: NDArray[np.float32] = self.here[:texts].numpy()
        return found
