"""What a ranking is asked for: matrices that are read by ranges of rows, and pairs of queries with items."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray


class Rows(Protocol):
    """A matrix that is read by ranges of rows: an array, a memory-mapped array, or one computed while it is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return some rows, float32."""


class ItemLists(NamedTuple):
    """One list of item rows for each query, in CSR form: query q has `items[offsets[q] : offsets[q + 1]]`."""

    offsets: NDArray[Any]
    """Integers, shape (n + 1,), rising."""
    items: NDArray[Any]
    """Integers, shape (offsets[-1],); within a list in any order."""

    def of(self, queries: NDArray[np.intp]) -> "ItemLists":
        """The lists of some queries."""
        offsets, places = _part(self.offsets, queries)
        return ItemLists(offsets, self.items[places])


class Terms(NamedTuple):
    """Numbers to add to some scores of each query, in CSR form like `ItemLists`. A query has at most one an item."""

    offsets: NDArray[Any]
    """Integers, shape (n + 1,), rising."""
    items: NDArray[Any]
    """Integers, shape (offsets[-1],)."""
    values: NDArray[np.float32]
    """Shape (offsets[-1],)."""

    def of(self, queries: NDArray[np.intp]) -> "Terms":
        """Those of some queries."""
        offsets, places = _part(self.offsets, queries)
        return Terms(offsets, self.items[places], self.values[places])


def _part(offsets: NDArray[Any], queries: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The offsets of some lists that stand one after another, and the places of their elements before."""
    starts, lengths = offsets[queries], offsets[queries + 1] - offsets[queries]
    new = np.concatenate([[0], np.cumsum(lengths)])
    return new, np.arange(new[-1]) + np.repeat(starts - new[:-1], lengths)


class Pairs(NamedTuple):
    """Pairs of a block of queries with items, as tensors of one device."""

    rows: torch.Tensor
    """Queries, counted from the first of the block; int64."""
    items: torch.Tensor
    """Int64."""
    values: torch.Tensor
    """What is added, float32; 0 for items that are left out."""

    @classmethod
    def of(cls, lists: ItemLists | Terms, block: slice, device: str) -> "Pairs":
        """Take the lists of a block of queries, and keep their order."""
        offsets = np.asarray(lists.offsets[block.start : block.stop + 1], dtype=np.int64)
        part = slice(int(offsets[0]), int(offsets[-1]))
        counts = torch.from_numpy(np.diff(offsets)).to(device)
        rows = torch.repeat_interleave(torch.arange(len(counts), device=device), counts)
        items = torch.from_numpy(np.array(lists.items[part])).to(device, torch.int64)
        if isinstance(lists, ItemLists):
            return cls(rows, items, torch.zeros(len(items), device=device))
        return cls(rows, items, torch.from_numpy(np.array(lists.values[part])).to(device))

    def where(self, chosen: torch.Tensor) -> "Pairs":
        """Return some of the pairs. chosen: bool, or places in the order that is wanted."""
        return Pairs(self.rows[chosen], self.items[chosen], self.values[chosen])

    def by_item(self) -> "Pairs":
        """Return the pairs ordered by item."""
        return self.where(self.items.argsort(stable=True))

    def between(self, first: int, last: int) -> "Pairs":
        """Return the pairs with items first … last - 1, counted from `first`. The pairs are ordered by item."""
        ends = torch.tensor([first, last], device=self.items.device)
        low, high = torch.searchsorted(self.items, ends).tolist()
        return Pairs(self.rows[low:high], self.items[low:high] - first, self.values[low:high])


def check_rows(items: NDArray[Any], count: int) -> None:
    """Raise ValueError where lists hold what is no row of `count` items."""
    if len(items) and (items.min() < 0 or items.max() >= count):
        raise ValueError(f"lists hold rows {items.min()} to {items.max()}, but there are {count} items")


def finite(rows: NDArray[Any], name: str, first: int) -> torch.Tensor:
    """Return rows as float32. first: the number of the first. Raises ValueError for a row that is not finite."""
    block = torch.from_numpy(np.array(rows, dtype=np.float32))
    if not torch.isfinite(block.sum()) and not torch.isfinite(block).all():
        raise ValueError(not_finite(block, name, first))
    return block


def not_finite(block: torch.Tensor, name: str, first: int) -> str:
    """Say which row of a block is not finite."""
    row = first + int((~torch.isfinite(block).all(1)).nonzero()[0, 0])
    return f"row {row} of {name} holds NaN or infinity: no inner product can be ranked"
