"""Lists of many queries from items on a device: block by block, and in float32 whole where a list is not proven.

A proof holds as long as the kernels do what they should. So some lists of each block are made again in float32 whole: a
driver, a compiler or a chip that makes them wrong costs time, and no wrong list.
"""

import warnings
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.ranking import tiles
from jobs.ranking.device import plain, search
from jobs.ranking.device.items import DeviceItems, upload
from jobs.ranking.inputs import ItemLists, Pairs, Terms
from jobs.ranking.keys import decode

BLOCK = 32_768
"""Queries that are ranked at a time, if lists have at most 100 items. The coarse pass holds some 64 KiB of each."""
TILE = 1 << 28
"""Bytes of a tile of float32 scores."""
SMALL = 65_536
"""Fewer items are not worth a coarse pass,"""
SHARE = 500
"""nor are lists of more than one item in so many."""
CHECKED = 16
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
    coarse: ModuleType | None = coarse_pass(items)
    step = max(1, BLOCK * 100 // max(100, k))
    for start in range(0, len(queries), step):
        block = slice(start, min(start + step, len(queries)))
        own = upload(queries[block], items.device, "queries", start)
        added, left_out = (None if one is None else Pairs.of(one, block, items.device) for one in (terms, exclude))
        best: torch.Tensor | None = None
        if coarse is not None and items.shape[0] >= max(SMALL, SHARE * k):
            best = _proven(own, items, k, added, left_out, coarse=coarse)
            if best is None:
                coarse = None
        if best is None:
            best = _whole(own, items, k, added, left_out)
        for to, tensor in zip((found, scores), decode(best), strict=True):
            torch.from_numpy(to[block]).copy_(tensor)
    return found, scores


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
    rest = (~proven).nonzero()[:, 0]
    if len(rest):
        best[rest] = _whole(queries[rest], items, k, *(_of_queries(one, proven) for one in (terms, exclude)))
    some = torch.zeros(len(queries), dtype=torch.bool, device=queries.device)
    some[:: max(1, len(queries) // CHECKED)] = True
    again = _whole(queries[some], items, k, *(_of_queries(one, ~some) for one in (terms, exclude)))
    (rows, scores), (right, known) = decode(best[some]), decode(again)
    near = NEAR * queries[some].norm(dim=1, keepdim=True) * items.norm + 1e-30
    if not bool((((rows < 0) == (right < 0)) & ((scores - known).abs() <= near)).all()):
        warnings.warn(f"{GIVEN_UP}: a list differs from the one that is made in float32 whole", stacklevel=2)
        return None
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
