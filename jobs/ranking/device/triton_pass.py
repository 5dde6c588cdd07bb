"""The coarse pass by Triton's kernels: the same functions as in `plain`. Imported only where Triton is."""

import threading
from typing import Any, NamedTuple

import torch
import triton

from jobs.ranking.device import kernels
from jobs.ranking.device.items import DeviceItems
from jobs.ranking.inputs import Pairs

ROUNDING = 0.0
"""Scores stay in float32."""
W = 128
"""Items of a tile of scores."""


class Shape(NamedTuple):
    """How the tiles of scores are dealt out. The ones below were the fastest of ten on an H200."""

    m: int
    """Queries of a tile."""
    warps: int
    stages: int
    """Tiles of items that are on their way."""
    programs: int
    """As many as run side by side on all multiprocessors."""


NARROW, WIDE = Shape(64, 4, 3, 396), Shape(128, 8, 2, 264)
"""Of at most 64 dimensions, and of more."""
LANES = kernels.LANES.value
DIRECT = True


def runs(items: DeviceItems) -> bool:
    """Say whether the device is new enough, and has the shared memory for a tile of queries and those of items."""
    d, device = items.coarse.shape[1], torch.cuda.get_device_properties(items.rows.device)
    shape = NARROW if d <= 64 else WIDE
    shared = getattr(device, "shared_memory_per_block_optin", 0)  # AMD's have none, and no assembler of the kernels
    return device.major >= 8 and 2 * d * (shape.m + shape.stages * W) <= shared


_one = threading.Lock()


def _launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **options: Any) -> None:
    """Let the device run a kernel. A launch may compile it, which Triton does not do in two threads at a time."""
    with _one:
        kernel[grid](*arguments, **options)


def maxima(queries: torch.Tensor, coarse: torch.Tensor, w: int) -> torch.Tensor:
    """Return the largest score of each query in each tile of w items, float32, shape (n, len(coarse) / w).

    w: a multiple of W.
    """
    n, d = queries.shape
    count = len(coarse) // W
    out = torch.empty((n, count), device=queries.device)
    shape = NARROW if d <= 64 else WIDE
    blocks = triton.cdiv(n, shape.m)
    _launch(
        kernels.maxima_kernel,
        (blocks, max(1, min(count, shape.programs // blocks))),
        queries,
        coarse,
        out,
        n,
        count,
        D=d,
        M=shape.m,
        W=W,
        num_warps=shape.warps,
        num_stages=shape.stages,
    )
    return out.view(n, len(coarse) // w, w // W).amax(2)


def survivors(
    queries: torch.Tensor, items: DeviceItems, thresholds: torch.Tensor, expected: float, room: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return candidates, int32 (n, room), how many each query has, int32, and whether those are all, bool.

    expected: how many candidates a query has, about.
    """
    n, d = queries.shape
    count, group, device = len(items.coarse) // W, W // LANES, queries.device
    shape = NARROW if d <= 64 else WIDE
    blocks = triton.cdiv(n, shape.m)
    splits = max(1, min(count, shape.programs // blocks))
    # A place that overflows costs its query the proof, so there is room for what chance brings.
    mean = 1.6 * expected / (LANES * splits)
    capacity = 8 * int((mean + 5 * mean**0.5 + 15) // 8)
    values = torch.empty(n * splits * LANES * capacity * group, device=device)
    stripes = torch.empty(n * splits * LANES * capacity, dtype=torch.int32, device=device)
    counts = torch.empty((n, splits, LANES), dtype=torch.int32, device=device)
    _launch(
        kernels.stripes_kernel, (blocks, splits),
        queries, items.coarse, thresholds, values, stripes, counts, n, count, splits, capacity,
        D=d, M=shape.m, W=W, GROUP=group, DIRECT=DIRECT, num_warps=shape.warps, num_stages=shape.stages,
    )  # fmt: skip
    candidates = torch.empty((n, room), dtype=torch.int32, device=device)
    found = torch.empty(n, dtype=torch.int32, device=device)
    _launch(
        kernels.collect_kernel, (n,),
        thresholds, values, stripes, counts, items.order, candidates, found, splits, capacity, room,
        W=W, GROUP=group, STEP=2, num_warps=1,
    )  # fmt: skip
    return candidates, found, (counts.amax((1, 2)) <= capacity) & (found <= room)


def rescore(queries: torch.Tensor, rows: torch.Tensor, candidates: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Return the keys of candidates by their float32 products, NOTHING after the last; int64, shape (n, room)."""
    n, room = candidates.shape
    d, block = queries.shape[1], 32
    keys = torch.empty((n, room), dtype=torch.int64, device=queries.device)
    _launch(
        kernels.rescore_kernel,
        (n, triton.cdiv(room, block)),
        queries,
        rows,
        candidates,
        found,
        keys,
        room,
        d,
        D=triton.next_power_of_2(d),
        B=block,
        num_warps=4,
    )
    return keys


def products(pairs: Pairs, queries: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return the float32 product of each pair."""
    count, d, block = len(pairs.rows), queries.shape[1], 32
    out = torch.empty(count, device=queries.device)
    if count:
        _launch(
            kernels.products_kernel,
            (triton.cdiv(count, block),),
            queries,
            rows,
            pairs.rows,
            pairs.items,
            out,
            count,
            d,
            D=triton.next_power_of_2(d),
            B=block,
            num_warps=4,
        )
    return out
