"""Items as the kernel takes them: float32 in their own order, and int8 in blocks.

A number far above the others would take all 255 steps for itself. So vectors are turned first, which spreads it over
all dimensions and changes no product. And items of one size stand in one block, which has steps of its own.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.infra.compiled.library import address
from jobs.ranking.inputs import Rows, not_finite
from jobs.ranking.scan.library import KernelItems, library

BLOCK = 64
"""Items of a block, as in kernel.cpp."""
PART = 128
"""Blocks that are packed at a time: they stay in the cache."""
LEAST_STEP = 1e-30
"""Smaller numbers are nothing to the kernel."""
FEW_ITEMS = 4096
"""Fewer are ranked by tiles."""
QUERIES = 4
"""Fewer than so many queries for each dimension do not pay for packing."""
BYTES = 1 << 30
"""That packed items may take, for each process."""
SEED = 1


@dataclass(frozen=True)
class ScanItems:
    """N items of d dimensions in B blocks, the last of which may have gaps at its end."""

    rows: NDArray[np.float32]
    """Shape (N, d), in their own order."""
    packed: NDArray[np.uint8]
    """Shape (B, W, BLOCK, 4), W = d / 4, rounded up: turned vectors in steps of their block, plus 128."""
    order: NDArray[np.int32]
    """Shape (B x BLOCK,): the row of each place, -1 for gaps. Blocks are in random order, so that the first of them are
    a fair sample."""
    place: NDArray[np.int32]
    """Shape (N,): the place of each row."""
    step: NDArray[np.float32]
    """Of each block, shape (B,): what 1 stands for."""
    error: NDArray[np.float32]
    """Of each block, shape (B,): the largest norm of what the steps take from a vector."""
    norm: NDArray[np.float32]
    """Of each block, shape (B,): the largest norm of a vector."""

    @property
    def shape(self) -> tuple[int, int]:
        """Items and dimensions."""
        return (self.rows.shape[0], self.rows.shape[1])

    @staticmethod
    def fits(items: Rows, queries: int) -> bool:
        """Say whether there is a kernel, and so many queries are worth packing the items."""
        count, d = items.shape
        copied = words(d) * 4 + 8 + (0 if isinstance(items, np.ndarray) else 4 * d)
        enough = count >= FEW_ITEMS and queries >= QUERIES * d
        return enough and count * copied <= BYTES and library() is not None

    @classmethod
    def of(cls, items: Rows, threads: int = 1) -> "ScanItems":
        """Pack items. An array of float32, mapped or not, is not copied beside.

        Raises ValueError where an item is not finite.
        """
        rows = np.ascontiguousarray(items if isinstance(items, np.ndarray) else items[:], dtype=np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch warns that nobody may write to it, and nobody does
            own = torch.from_numpy(rows)
        count, d = rows.shape
        norms = torch.cat([part.norm(dim=1) for part in own.split(PART * BLOCK)])
        if not torch.isfinite(norms).all():
            for first in range(0, count, PART * BLOCK):
                part = own[first : first + PART * BLOCK]
                if not torch.isfinite(part).all():
                    raise ValueError(not_finite(part, "items", first))
        order = _order(norms)
        blocks = len(order) // BLOCK
        packed = np.empty((blocks, words(d), BLOCK, 4), dtype=np.uint8)
        numbers = torch.empty((3, blocks))
        turn = turned(d)

        def pack(first: int) -> None:
            part = slice(first, min(first + PART, blocks))
            whose = order[first * BLOCK : part.stop * BLOCK]
            vectors = own.index_select(0, whose.clamp(min=0)) @ turn
            vectors[whose < 0] = 0.0
            numbers[:, part] = _pack(vectors, packed[part])

        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(pack, range(0, blocks, PART)):
                pass  # an error is raised here
        row_of = order.to(torch.int32).numpy()
        place = np.empty(count, dtype=np.int32)
        place[row_of[:count]] = np.arange(count, dtype=np.int32)
        return cls(rows, packed, row_of, place, *numbers.numpy())

    def bits(self, where: NDArray[np.bool_]) -> NDArray[np.uint64]:
        """Return a mask of items as the kernel takes it: of each block, a bit an item. where: bool, shape (N,)."""
        placed = where[self.order] & (self.order >= 0)
        return np.packbits(placed, bitorder="little").view("<u8").astype(np.uint64)

    def struct(self) -> KernelItems:
        """Return what the kernel takes. It must not live longer than the items."""
        (count, d), blocks = self.shape, len(self.step)
        return KernelItems(
            packed=address(self.packed, np.uint8, (blocks, words(d), BLOCK, 4)),
            rows=address(self.rows, np.float32, (count, d)),
            order=address(self.order, np.int32, (blocks * BLOCK,)),
            place=address(self.place, np.int32, (count,)),
            step=address(self.step, np.float32, (blocks,)),
            error=address(self.error, np.float32, (blocks,)),
            norm=address(self.norm, np.float32, (blocks,)),
            count=count,
            words=words(d),
            d=d,
        )


def words(d: int) -> int:
    """Words of four dimensions in a packed vector."""
    return max(1, -(-d // 4))


@cache
def turned(d: int) -> torch.Tensor:
    """Return a random rotation, float32, shape (d, W x 4), zeros in the last columns."""
    rotation = torch.linalg.qr(torch.randn((d, d), dtype=torch.float64, generator=torch.Generator().manual_seed(SEED)))
    return torch.nn.functional.pad(rotation.Q.float(), (0, words(d) * 4 - d))


def steps(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what 1 stands for so that all numbers of a row are in -127 … 127, shape (n, 1), and the numbers in it."""
    low, high = vectors.aminmax(dim=1, keepdim=True)
    step = (torch.maximum(-low, high) / 127).clamp_(min=LEAST_STEP)
    return step, vectors / step


def _order(norms: torch.Tensor) -> torch.Tensor:
    """Return the row of each place, int64, -1 for gaps: blocks of items of one size, in random order."""
    count = len(norms)
    blocks, full = -(-count // BLOCK), count // BLOCK
    order = torch.full((blocks * BLOCK,), -1)
    order[:count] = norms.argsort()
    shuffled = torch.arange(blocks)  # the one that is not full stays the last
    shuffled[:full] = torch.randperm(full, generator=torch.Generator().manual_seed(SEED))
    return order.view(blocks, BLOCK)[shuffled].view(-1)


def _pack(vectors: torch.Tensor, to: NDArray[np.uint8]) -> torch.Tensor:
    """Write blocks of vectors. Returns step, error and norm of each, float32, shape (3, blocks)."""
    blocks, width, size, four = to.shape
    step, scaled = steps(vectors.view(blocks, -1))
    whole = scaled.round()
    bytes_ = (whole + 128).to(torch.uint8).view(blocks, size, width * four)
    torch.from_numpy(to).view(torch.int32)[..., 0].copy_(bytes_.view(torch.int32).transpose(1, 2))
    lost, norm = (one.view(blocks, size, -1).norm(dim=2).amax(1) for one in (scaled - whole, scaled))
    return torch.stack([step[:, 0], lost * step[:, 0], norm * step[:, 0]]) * torch.tensor([[1.0], [1.001], [1.001]])
