"""Items that stay on a device: as float32, and as bfloat16 in random order for the coarse products."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.ranking.inputs import Rows, not_finite

TILE = 256
"""The coarse copy is padded to a multiple of this many items."""
CHUNK = 1 << 26
"""Bytes of a copy to the device."""
SEED = 1


@dataclass(frozen=True)
class DeviceItems:
    """N items of d dimensions on a device."""

    rows: torch.Tensor
    """Float32, shape (N, d), in their own order."""
    coarse: torch.Tensor
    """Bfloat16, shape (P, D): `rows[order]`, padded with zeros. P is a multiple of TILE, D a power of two."""
    order: torch.Tensor
    """Int32, shape (P,): the row of each coarse one, -1 for padding. Random, so that every range is a fair sample."""
    norm: torch.Tensor
    """The largest norm of a row; float32, shape ()."""
    error: torch.Tensor
    """The largest norm of what bfloat16 takes from a row; float32, shape ()."""
    among: torch.Tensor | None = None
    """Where the items are some of more: the row of each among all, int32, shape (N,)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Items and dimensions."""
        return (self.rows.shape[0], self.rows.shape[1])

    @property
    def device(self) -> str:
        """Where they are."""
        return str(self.rows.device)

    def chosen(self, rows: NDArray[np.int32]) -> "DeviceItems":
        """Return some of the items, which lists name by their rows among all. rows: of these, rising."""
        kept = torch.from_numpy(rows).to(self.rows.device)
        place = torch.full((self.shape[0] + 1,), -1, dtype=torch.int32, device=self.rows.device)
        place[kept.long()] = torch.arange(len(kept), dtype=torch.int32, device=self.rows.device)
        found = place[self.order.long()]  # that of what is padded, -1, is the last one
        there = (found >= 0).nonzero()[:, 0]
        padded = -(-len(kept) // TILE) * TILE
        order = torch.full((padded,), -1, dtype=torch.int32, device=self.rows.device)
        order[: len(kept)] = found[there]
        coarse = torch.zeros((padded, self.coarse.shape[1]), dtype=self.coarse.dtype, device=self.rows.device)
        coarse[: len(kept)] = self.coarse[there]
        return DeviceItems(self.rows[kept.long()], coarse, order, self.norm, self.error, kept)

    @staticmethod
    def fits(items: Rows, device: str) -> bool:
        """Say whether items take at most half of the free memory of a CUDA device."""
        count, d = items.shape
        return count * (4 * d + 2 * width(d) + 4) <= torch.cuda.mem_get_info(device)[0] // 2

    @classmethod
    def of(cls, items: Rows, device: str) -> "DeviceItems":
        """Copy items to a device. Raises ValueError where one is not finite."""
        rows = upload(items, device, "items")
        count, d = rows.shape
        padded = -(-count // TILE) * TILE
        order = torch.full((padded,), -1, dtype=torch.int32, device=device)
        order[:count] = torch.randperm(count, generator=torch.Generator().manual_seed(SEED)).to(device, torch.int32)
        coarse = torch.zeros((padded, width(d)), dtype=torch.bfloat16, device=device)
        norm, error = torch.zeros(2, device=device)
        for part in range(0, count, 1 << 18):
            own = rows[order[part : min(part + (1 << 18), count)].long()]
            there = coarse[part : part + len(own), :d]
            there.copy_(own)
            norm = torch.maximum(norm, own.norm(dim=1).amax())
            error = torch.maximum(error, (own - there.float()).norm(dim=1).amax())
        return cls(rows, coarse, order, norm, error)


def width(d: int) -> int:
    """Dimensions of coarse vectors: the next power of two that tensor cores take."""
    return max(16, 1 << (d - 1).bit_length())


def upload(items: Rows, device: str, name: str, start: int = 0) -> torch.Tensor:
    """Copy rows to a device, float32, and check them there. start: the number of the first row.

    Raises ValueError where one is not finite.
    """
    count, d = items.shape
    rows = torch.empty((count, d), device=device)
    step = max(1, CHUNK // (4 * max(d, 1)))
    pinned = torch.device(device).type == "cuda"
    # Two buffers of page-locked memory take turns: one is filled while the other is copied.
    buffers = [torch.empty((min(step, count), d), pin_memory=pinned) for _ in range(2)]
    free: list[Any] = [None, None]
    for turn, first in enumerate(range(0, count, step)):
        last = min(first + step, count)
        buffer = buffers[turn % 2][: last - first]
        if free[turn % 2] is not None:
            free[turn % 2].synchronize()
        buffer.copy_(torch.from_numpy(np.asarray(items[first:last], dtype=np.float32)))
        rows[first:last].copy_(buffer, non_blocking=True)
        if pinned:
            free[turn % 2] = torch.cuda.Event()
            free[turn % 2].record()
    bad = torch.stack([~torch.isfinite(part).all() for part in rows.split(step)]) if count else rows.new_zeros(0)
    for wrong in bad.nonzero()[:1, 0].tolist():
        raise ValueError(not_finite(rows[wrong * step : (wrong + 1) * step], name, start + wrong * step))
    return rows
