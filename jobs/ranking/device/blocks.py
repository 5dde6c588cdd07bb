"""Lists of many queries from items on a device: block by block, and in float32 whole where a block's proof fails."""

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


def device_top_k(
    queries: NDArray[np.float32], items: DeviceItems, k: int, terms: Terms | None, exclude: ItemLists | None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return what `exact.top_k` does, from items on a device."""
    found = np.empty((len(queries), k), dtype=np.int32)
    scores = np.empty((len(queries), k), dtype=np.float32)
    coarse = coarse_pass(items)
    step = max(1, BLOCK * 100 // max(100, k))
    for start in range(0, len(queries), step):
        block = slice(start, min(start + step, len(queries)))
        own = upload(queries[block], items.device, "queries", start)
        added, left_out = (None if one is None else Pairs.of(one, block, items.device) for one in (terms, exclude))
        if items.shape[0] < max(SMALL, SHARE * k):
            best = _whole(own, items, k, added, left_out)
        else:
            best, proven = search.search(own, items, k, terms=added, exclude=left_out, coarse=coarse)
            rest = (~proven).nonzero()[:, 0]
            if len(rest):
                best[rest] = _whole(own[rest], items, k, *(_of_queries(one, proven) for one in (added, left_out)))
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
