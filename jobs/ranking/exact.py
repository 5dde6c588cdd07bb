"""Exact inner-product top-K: by tiles in float32, or from coarse products that say what need not be scored.

A `device.DeviceItems` holds the items of a GPU, a `scan.ScanItems` those of a CPU that has the kernel of `scan`.
`tiles` is the way of all others, and of what the coarse products cannot prove.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.ranking import tiles
from jobs.ranking.chosen import AllowedItems, ChosenRows, Lists
from jobs.ranking.device import DeviceItems, device_top_k
from jobs.ranking.inputs import ItemLists, Pairs, Rows, Terms, finite
from jobs.ranking.keys import decode
from jobs.ranking.scan.items import ScanItems
from jobs.ranking.scan.search import scan_top_k

__all__ = ["ItemLists", "Rows", "ScanItems", "Terms", "rank", "resident", "top_k"]

SHARE = 10
"""Lists of more than one item in so many are made by tiles."""
MASKED = 0.15
"""Where a mask leaves less than this share of packed items, those are packed anew."""


def resident(items: Rows, device: str, queries: int = sys.maxsize, threads: int = 1) -> Rows | DeviceItems | ScanItems:
    """Make what a device needs of items once, for many calls of `top_k`. Few items, and too many, stay as they are.

    queries: about how many all calls have. A CPU packs no items for a few.

    Raises ValueError where an item is not finite.
    """
    if torch.device(device).type == "cpu":
        return ScanItems.of(items, threads) if ScanItems.fits(items, queries) else items
    return DeviceItems.of(items, device) if DeviceItems.fits(items, device) else items


def top_k(
    queries: NDArray[np.float32],
    items: Rows | DeviceItems | ScanItems,
    k: int,
    *,
    terms: Terms | None = None,
    exclude: ItemLists | None = None,
    where: NDArray[np.bool_] | None = None,
    user_block: int = 512,
    item_block: int = 4096,
    device: str = "cpu",
    threads: int = 1,
) -> Lists:
    """Return the k items with the largest scores for each query. A score is the inner product plus its term.

    queries: float32, shape (n, D). items: float32, shape (N, D); what `resident` returns spares the copy of each call.
    exclude: items that must not be in a query's list.
    where: which items may be in a list at all, bool, shape (N,), such as what a store has: for all queries of a call.
    threads: how many blocks of queries are computed side by side. On a CPU set torch itself to one thread, since
    threads that share a tile wait for each other at every step. Memory beside input and output is some 15 bytes x
    threads x user_block x item_block, however large n and N are. Items that are resident choose their own blocks.

    Returns item rows, int32, and scores, float32, both of shape (n, k), scores falling, ties by the lower item row.
    Where fewer than k items remain, rows end with -1 and scores with 0. Scores are in float32. The order of their
    sums depends on the way that is taken, and by tiles on the tile, so the last bit of a score may too.

    Raises ValueError when shapes do not match or an input is not finite.
    """
    if queries.ndim != 2 or len(items.shape) != 2 or queries.shape[1] != items.shape[1]:
        raise ValueError(f"queries of shape {queries.shape} do not fit items of shape {items.shape}")
    if k < 1:
        raise ValueError(f"k must be 1 or more, not {k}")
    by_tiles = partial(_by_tiles, user_block=user_block, item_block=item_block, device=device, threads=threads)
    if where is None:
        return _search(queries, items, k, terms, exclude, by_tiles=by_tiles, device=device, threads=threads)
    if where.dtype != np.bool_ or where.shape != items.shape[:1]:
        raise ValueError(f"where must be bool, one an item: {items.shape[0]}, not {where.dtype} of {where.shape}")
    chosen = AllowedItems(where)
    if isinstance(items, ScanItems) and len(chosen.rows) >= max(SHARE * k, MASKED * len(where)):
        return _by_kernel(queries, items, k, terms, exclude, by_tiles=by_tiles, threads=threads, chosen=chosen)
    own, left_out = chosen.terms(terms), chosen.lists(exclude)
    if isinstance(items, DeviceItems):
        return device_top_k(queries, items.chosen(chosen.rows), k, own, left_out)
    some = ChosenRows(items.rows if isinstance(items, ScanItems) else items, chosen.rows)
    return chosen.back(_search(queries, some, k, own, left_out, by_tiles=by_tiles, device=device, threads=threads))


def _search(
    queries: NDArray[np.float32],
    items: Rows | DeviceItems | ScanItems,
    k: int,
    terms: Terms | None,
    exclude: ItemLists | None,
    *,
    by_tiles: Callable[..., Lists],
    device: str,
    threads: int,
) -> Lists:
    if not isinstance(items, DeviceItems | ScanItems):
        items = resident(items, device, len(queries), threads)
    if isinstance(items, DeviceItems):
        return device_top_k(queries, items, k, terms, exclude)
    if isinstance(items, ScanItems) and items.shape[0] >= SHARE * k:
        return _by_kernel(queries, items, k, terms, exclude, by_tiles=by_tiles, threads=threads)
    return by_tiles(queries, items.rows if isinstance(items, ScanItems) else items, k, terms, exclude)


def _by_kernel(
    queries: NDArray[np.float32],
    items: ScanItems,
    k: int,
    terms: Terms | None,
    exclude: ItemLists | None,
    *,
    by_tiles: Callable[..., Lists],
    threads: int,
    chosen: AllowedItems | None = None,
) -> Lists:
    where = None if chosen is None else chosen.where
    found, scores, proven = scan_top_k(queries, items, k, terms=terms, exclude=exclude, where=where, threads=threads)
    rest = np.flatnonzero(~proven)
    if len(rest):
        own = None if terms is None else terms.of(rest)
        left_out = None if exclude is None else exclude.of(rest)
        if chosen is None:
            found[rest], scores[rest] = by_tiles(queries[rest], items.rows, k, own, left_out)
        else:
            some, own, left_out = ChosenRows(items.rows, chosen.rows), chosen.terms(own), chosen.lists(left_out)
            found[rest], scores[rest] = chosen.back(by_tiles(queries[rest], some, k, own, left_out))
    return found, scores


def _by_tiles(
    queries: NDArray[np.float32],
    items: Rows,
    k: int,
    terms: Terms | None,
    exclude: ItemLists | None,
    *,
    user_block: int,
    item_block: int,
    device: str,
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    found = np.empty((len(queries), k), dtype=np.int32)
    scores = np.empty((len(queries), k), dtype=np.float32)

    def read(first: int, last: int) -> torch.Tensor:
        return finite(items[first:last], "items", first)

    def fill(start: int) -> None:
        block = slice(start, min(start + user_block, len(queries)))
        added, left_out = (None if one is None else Pairs.of(one, block, device).by_item() for one in (terms, exclude))
        own = finite(queries[block], "queries", start).to(device)
        best = tiles.search(own, read, items.shape[0], k, terms=added, exclude=left_out, item_block=item_block)
        found[block], scores[block] = (one.cpu().numpy() for one in decode(best))

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, range(0, len(queries), user_block)):
            pass  # an error in a block is raised here
    return found, scores


def rank(
    queries: NDArray[np.float32], items: NDArray[np.float32], lists: ItemLists, k: int, terms: Terms | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k best of a short list of items for each query: as `top_k`, but only items of the query's list.

    An item that a list names twice counts once. Returns the same as `top_k`.
    """
    found = np.full((len(queries), k), -1, dtype=np.int32)
    scores = np.zeros((len(queries), k), dtype=np.float32)
    for row, query in enumerate(queries):
        own = np.unique(lists.items[lists.offsets[row] : lists.offsets[row + 1]])
        own_scores = items[own] @ query
        if terms is not None:
            part = slice(terms.offsets[row], terms.offsets[row + 1])
            _, place, other = np.intersect1d(own, terms.items[part], assume_unique=True, return_indices=True)
            own_scores[place] += terms.values[part][other]
        order = np.argsort(-own_scores, kind="stable")[:k]
        found[row, : len(order)] = own[order]
        scores[row, : len(order)] = own_scores[order]
    return found, scores
