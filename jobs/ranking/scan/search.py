"""Exact top-K by the kernel: what int8 cannot rule out is scored in float32.

A coarse score c differs from the float32 score s by at most e: by Cauchy and Schwarz on what int8 takes from both
vectors, and the rounding of all sums. K items have a c - e of at least b, the bar. So whatever has c + e < b is in no
list, and the rest is scored in float32. The bar rises while items go by. A query that leaves too many is not proven.
"""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.infra.compiled.library import address
from jobs.ranking.inputs import ItemLists, Terms, check_rows, finite
from jobs.ranking.scan.items import ScanItems, steps, turned, words
from jobs.ranking.scan.library import KernelLists, KernelQueries, library

BLOCK = 1536
"""Queries of a call of the kernel; a multiple of its own chunks."""
LARGEST = 1e37
"""Products of norms beyond it are left to float32."""


def scan_top_k(
    queries: NDArray[np.float32],
    items: ScanItems,
    k: int,
    *,
    terms: Terms | None,
    exclude: ItemLists | None,
    where: NDArray[np.bool_] | None = None,
    threads: int = 1,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return what `exact.top_k` does, and which queries are proven, bool (n,). The lists of others mean nothing.

    Raises ValueError where a query is not finite, or lists do not fit.
    """
    kernel = library()
    if kernel is None:
        raise RuntimeError("there is no kernel here")
    n = len(queries)
    found = np.empty((n, k), dtype=np.int32)
    scores = np.empty((n, k), dtype=np.float32)
    proven = np.empty(n, dtype=np.uint8)
    pairs = [None if one is None else CheckedLists.of(one, n, items.shape[0]) for one in (exclude, terms)]
    held = items.struct()
    allowed = None if where is None else items.bits(where)
    largest = float(items.norm.max(initial=0.0))
    room = 16 * (6 * k // 16 + 32)

    def fill(start: int) -> None:
        block = slice(start, min(start + BLOCK, n))
        own = lower(finite(queries[block], "queries", start))
        proven[block] = own.reach * largest < LARGEST
        left_out, added = (None if one is None else one.struct(block) for one in pairs)
        failed = kernel.daybreak_top_k(
            ctypes.byref(held),
            ctypes.byref(own.struct(left_out, added, allowed)),
            ctypes.c_int64(k),
            ctypes.c_int64(room),
            ctypes.c_void_p(address(found[block], np.int32, (len(own.rows), k))),
            ctypes.c_void_p(address(scores[block], np.float32, (len(own.rows), k))),
            ctypes.c_void_p(address(proven[block], np.uint8, (len(own.rows),))),
        )
        if failed:
            raise MemoryError(f"top-K of {len(own.rows)} queries with {room} candidates each")

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, range(0, n, BLOCK)):
            pass  # an error in a block is raised here
    return found, scores, proven.astype(np.bool_)


class Lowered(NamedTuple):
    """A block of n queries as the kernel takes them."""

    packed: NDArray[np.int8]
    """Shape (n, W x 4): turned, in steps of their own."""
    rows: NDArray[np.float32]
    """Shape (n, d)."""
    step: NDArray[np.float32]
    """What 1 stands for, shape (n,)."""
    lost: NDArray[np.float32]
    """The norm of what the steps take, shape (n,)."""
    kept: NDArray[np.float32]
    """The norm of the rest, shape (n,)."""
    noise: NDArray[np.float32]
    """The share of an item's norm by which the rounding of sums in float32 may change a score, shape (n,)."""

    @property
    def reach(self) -> NDArray[np.float32]:
        """A bound of all scores, as a share of an item's norm."""
        return self.lost + self.kept + self.noise

    def struct(
        self, excluded: KernelLists | None, terms: KernelLists | None, allowed: NDArray[np.uint64] | None
    ) -> KernelQueries:
        """Return what the kernel takes. It must not live longer than the queries, lists and bits."""
        n, d = self.rows.shape
        return KernelQueries(
            packed=address(self.packed, np.int8, (n, words(d) * 4)),
            rows=address(self.rows, np.float32, (n, d)),
            **{name: address(getattr(self, name), np.float32, (n,)) for name in ("step", "lost", "kept", "noise")},
            excluded=None if excluded is None else ctypes.addressof(excluded),
            terms=None if terms is None else ctypes.addressof(terms),
            allowed=None if allowed is None else address(allowed, np.uint64, allowed.shape),
            count=n,
        )


def lower(queries: torch.Tensor) -> Lowered:
    """Turn queries and round them to int8."""
    d = queries.shape[1]
    step, scaled = steps(queries @ turned(d))
    whole = scaled.round()
    own = step[:, 0]
    lost, kept = ((one.norm(dim=1) * own * 1.001).numpy() for one in (scaled - whole, whole))
    # Turning both vectors rounds d sums of d products each, and the turn itself is rounded; then the sum of the score.
    noise = (scaled.norm(dim=1) * own * (d**1.5 + 16) * 2.0**-22).numpy()
    return Lowered(whole.to(torch.int8).numpy(), queries.numpy(), own.contiguous().numpy(), lost, kept, noise)


class CheckedLists(NamedTuple):
    """Lists or terms that the kernel may read."""

    offsets: NDArray[np.int64]
    items: NDArray[np.int32]
    values: NDArray[np.float32] | None

    @classmethod
    def of(cls, lists: ItemLists | Terms, n: int, count: int) -> "CheckedLists":
        """Check lists of n queries. Raises ValueError where one holds what is no row of `count` items."""
        offsets = np.ascontiguousarray(lists.offsets[: n + 1], dtype=np.int64)
        items = np.asarray(lists.items)
        if len(offsets) != n + 1 or offsets[0] < 0 or (np.diff(offsets) < 0).any() or offsets[-1] > len(items):
            raise ValueError(f"the offsets of {n} lists must rise from 0 to at most {len(items)}, the items there are")
        check_rows(items, count)
        values = np.ascontiguousarray(lists.values, dtype=np.float32) if isinstance(lists, Terms) else None
        if values is not None and len(values) != len(items):
            raise ValueError(f"{len(values)} terms do not fit {len(items)} items")
        if values is not None and np.isnan(values).any():
            raise ValueError("a term is NaN: no score can be ranked")
        return cls(offsets, np.ascontiguousarray(items, dtype=np.int32), values)

    def struct(self, block: slice) -> KernelLists:
        """Return what the kernel takes of some queries. It must not live longer than the lists."""
        return KernelLists(
            offsets=address(self.offsets[block.start :], np.int64, (len(self.offsets) - block.start,)),
            rows=address(self.items, np.int32, self.items.shape),
            values=address(self.values, np.float32, self.items.shape),
        )
