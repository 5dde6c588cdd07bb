"""Lists of many queries from items on a device: block by block, and in float32 whole where a list is not proven.

On a GPU two blocks are under way at a time: while one is copied or looked at by the processor, the other is computed.

A proof holds as long as the kernels do what they should. So some lists of each block are made again in float32 whole: a
driver, a compiler or a chip that makes them wrong costs time, and no wrong list.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.ranking import tiles
from jobs.ranking.device import plain, search
from jobs.ranking.device.items import DeviceItems, upload
from jobs.ranking.inputs import ItemLists, Pairs, Terms
from jobs.ranking.keys import decode

BLOCK = 16_384
"""Queries of a block, if lists have at most 100 items. The coarse pass holds some 64 KiB of each."""
AT_ONCE = 2
"""Blocks that are under way on a GPU."""
TILE = 1 << 28
"""Bytes of a tile of float32 scores."""
SMALL = 65_536
"""Fewer items are not worth a coarse pass,"""
SHARE = 500
"""nor are lists of more than one item in so many."""
CHECKED = 8
"""Lists of each block that are made again."""
GIVEN_UP = "top-K in float32 whole, which is slower, for the coarse pass fails"
NEAR = 2e-5
"""The most by which scores of both ways may differ, as a share of the largest product of norms."""


def device_top_k(
    queries: NDArray[np.float32], items: DeviceItems, k: int, terms: Terms | None, exclude: ItemLists | None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return what `exact.top_k` does, from items on a device."""
    found = np.empty((len(queries), k), dtype=np.int32)
    scores = np.empty((len(queries), k), dtype=np.float32)
    step = max(1, BLOCK * 100 // max(100, k))
    coarse: list[ModuleType | None] = [coarse_pass(items) if items.shape[0] >= max(SMALL, SHARE * k) else None]

    def fill(start: int) -> None:
        block = slice(start, min(start + step, len(queries)))
        own = upload(queries[block], items.device, "queries", start)
        added, left_out = (None if one is None else Pairs.of(one, block, items.device) for one in (terms, exclude))
        best: torch.Tensor | None = None
        if coarse[0] is not None:
            best = _proven(own, items, k, added, left_out, coarse=coarse[0])
            if best is None:
                coarse[0] = None
        if best is None:
            best = _whole(own, items, k, added, left_out)
        for to, tensor in zip((found, scores), _listed(best, items), strict=True):
            _copy(tensor, to[block])

    starts = range(0, len(queries), step)
    if not items.rows.is_cuda:
        for start in starts:
            fill(start)
        return found, scores
    before = torch.cuda.current_stream(items.rows.device)
    with ThreadPoolExecutor(AT_ONCE, initializer=partial(_own_stream, before)) as pool:
        for _ in pool.map(fill, starts):
            pass  # an error in a block is raised here
    return found, scores


def _own_stream(before: torch.cuda.Stream) -> None:
    """Let this thread work on the device of a stream, in a stream of its own, after all that is in the other by now."""
    torch.cuda.set_device(before.device)
    own = torch.cuda.Stream()
    own.wait_stream(before)
    torch.cuda.set_stream(own)


def _copy(tensor: torch.Tensor, to: NDArray[Any]) -> None:
    """Copy numbers to an array. On their way from a GPU they pass page-locked memory, so that no other block waits."""
    here = tensor
    if tensor.is_cuda:
        here = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        here.copy_(tensor, non_blocking=True)
        torch.cuda.current_stream(tensor.device).synchronize()
    torch.from_numpy(to).copy_(here)


def _listed(keys: torch.Tensor, items: DeviceItems) -> tuple[torch.Tensor, torch.Tensor]:
    """Items and scores of keys, as `decode` returns them; where the items are some of more, by the rows of all."""
    rows, scores = decode(keys)
    if items.among is not None and len(items.among):
        rows = torch.where(rows >= 0, items.among[rows.clamp(min=0).long()], -1)
    return rows, scores


def coarse_pass(items: DeviceItems) -> ModuleType:
    """Return the module of the coarse pass: Triton's kernels where they can run, else plain torch."""
    if items.rows.is_cuda:
        try:
            from jobs.ranking.device import triton_pass
        except ImportError:
            return plain
        if triton_pass.runs(items):
            return triton_pass
    return plain


def _proven(
    queries: torch.Tensor,
    items: DeviceItems,
    k: int,
    terms: Pairs | None,
    exclude: Pairs | None,
    *,
    coarse: ModuleType,
) -> torch.Tensor | None:
    """Return the sorted keys of the k best items by a coarse pass; None where it fails or a list turns out wrong."""
    try:
        best, proven = search.search(queries, items, k, terms=terms, exclude=exclude, coarse=coarse)
    except Exception as error:  # compilers of kernels raise what they like
        warnings.warn(f"{GIVEN_UP}: {type(error).__name__}: {error}", stacklevel=2)
        return None
    again = ~proven
    again[:: max(1, len(queries) // CHECKED)] = True
    right = _whole(queries[again], items, k, *(_of_queries(one, ~again) for one in (terms, exclude)))
    checked = proven[again]
    (rows, scores), (others, known) = decode(best[again][checked]), decode(right[checked])
    near = NEAR * queries[again][checked].norm(dim=1, keepdim=True) * items.norm + 1e-30
    if not bool((((rows < 0) == (others < 0)) & ((scores - known).abs() <= near)).all()):
        warnings.warn(f"{GIVEN_UP}: a list differs from the one that is made in float32 whole", stacklevel=2)
        return None
    best[~proven] = right[~checked]
    return best


def _whole(
    queries: torch.Tensor, items: DeviceItems, k: int, terms: Pairs | None, exclude: Pairs | None
) -> torch.Tensor:
    """Return the sorted keys of the k best items, all in float32."""
    by_item = [None if one is None else one.by_item() for one in (terms, exclude)]
    width = max(4096, min(items.shape[0], TILE // 4 // max(1, len(queries))))

    def read(first: int, last: int) -> torch.Tensor:
        return items.rows[first:last]

    step = max(1, TILE // 4 // width)
    if len(queries) <= step:
        return tiles.search(queries, read, items.shape[0], k, terms=by_item[0], exclude=by_item[1], item_block=width)
    parts = []
    for start in range(0, len(queries), step):
        inside = torch.zeros(len(queries), dtype=torch.bool, device=queries.device)
        inside[start : start + step] = True
        own = [_of_queries(one, ~inside) for one in (terms, exclude)]
        parts.append(_whole(queries[start : start + step], items, k, *own))
    return torch.cat(parts)


def _of_queries(pairs: Pairs | None, but: torch.Tensor) -> Pairs | None:
    """Return the pairs of the queries that are not in `but`, numbered anew."""
    if pairs is None:
        return None
    place = (~but).cumsum(0) - 1
    own = pairs.where(~but[pairs.rows])
    return own._replace(rows=place[own.rows])
