"""Exact inner-product top-K by tiles: a tile is scored, and only scores that may still enter a list leave it.

Writing out and sorting the whole score matrix costs more than the products. So each query keeps a threshold, the
score of its k-th best item so far. The maximum of every GROUP items is compared with it, and only groups above it are
examined. With items in random order about k ln(N / k) of N items pass, a few in a thousand.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

GROUP = 8
"""The maximum of this many items is compared with the threshold."""
NOTHING = torch.iinfo(torch.int64).min
"""The key of no item; below every other."""
LOW = 0xFFFFFFFF


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


class Terms(NamedTuple):
    """Numbers to add to some scores of each query, in CSR form like `ItemLists`. A query has at most one an item."""

    offsets: NDArray[Any]
    """Integers, shape (n + 1,), rising."""
    items: NDArray[Any]
    """Integers, shape (offsets[-1],)."""
    values: NDArray[np.float32]
    """Shape (offsets[-1],)."""


def top_k(
    queries: NDArray[np.float32],
    items: Rows,
    k: int,
    *,
    terms: Terms | None = None,
    exclude: ItemLists | None = None,
    user_block: int = 512,
    item_block: int = 4096,
    device: str = "cpu",
    threads: int = 1,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k items with the largest scores for each query. A score is the inner product plus its term.

    queries: float32, shape (n, D). items: float32, shape (N, D). exclude: items that must not be in a query's list.
    threads: how many blocks of queries are computed side by side. On a CPU set torch itself to one thread, since
    threads that share a tile wait for each other at every step. Memory beside input and output is some 15 bytes x
    threads x user_block x item_block, however large n and N are.

    Returns item rows, int32, and scores, float32, both of shape (n, k), scores falling, ties by the lower item row.
    Where fewer than k items remain, rows end with -1 and scores with 0. Products are in float32. The order of their
    sums depends on the tile, so the last bit of a score may too.

    Raises ValueError when shapes do not match or an input is not finite.
    """
    if queries.ndim != 2 or len(items.shape) != 2 or queries.shape[1] != items.shape[1]:
        raise ValueError(f"queries of shape {queries.shape} do not fit items of shape {items.shape}")
    if k < 1:
        raise ValueError(f"k must be 1 or more, not {k}")
    found = np.empty((len(queries), k), dtype=np.int32)
    scores = np.empty((len(queries), k), dtype=np.float32)

    def fill(start: int) -> None:
        block = slice(start, min(start + user_block, len(queries)))
        rows = _finite(queries[block], "queries", start).to(device)
        added = None if terms is None else _pairs(terms, block)
        left_out = None if exclude is None else _pairs(exclude, block)
        best = _search(rows, items, k, terms=added, exclude=left_out, item_block=item_block)
        found[block], scores[block] = _decode(best)

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


def _search(
    queries: torch.Tensor, items: Rows, k: int, *, terms: "Pairs | None", exclude: "Pairs | None", item_block: int
) -> torch.Tensor:
    """Return the sorted keys of the k best items of a block of queries, shape (n, k)."""
    n, dimensions = queries.shape
    device = queries.device
    item_block = _padded(item_block)
    tile_items = torch.zeros((item_block, dimensions), device=device)
    scores = torch.empty(n * item_block, device=device)
    # A row holds its first `count` keys. When some row has more than 2 k, all are cut to their best k: so a tile always
    # has room, and the threshold is fresh enough.
    held = torch.empty((n, 2 * k + item_block), dtype=torch.int64, device=device)
    count = torch.zeros(n, dtype=torch.int64, device=device)
    threshold = torch.full((n,), -torch.inf, device=device)
    for first in range(0, items.shape[0], item_block):
        last = min(first + item_block, items.shape[0])
        width = _padded(last - first)
        tile_items[: last - first] = _finite(items[first:last], "items", first)
        tile = scores[: n * width].view(n, width)
        torch.mm(queries, tile_items[:width].T, out=tile)
        tile[:, last - first :] = -torch.inf
        if terms is not None:
            rows, columns, values = terms.of(first, last, device)
            tile[rows, columns] += values
        if exclude is not None:
            rows, columns, _ = exclude.of(first, last, device)
            tile[rows, columns] = -torch.inf
        query, column, score, threshold = _above(tile, threshold, k if first == 0 else 0)
        if len(query) == 0:
            continue
        added = torch.bincount(query, minlength=n)
        place = torch.arange(len(query), device=device) - (added.cumsum(0) - added)[query]
        held[query, count[query] + place] = _keys(score, column + first)
        count += added
        if int(count.max()) > 2 * k:
            held[:, :k] = _best(held, count, k)
            count.clamp_(max=k)
            worst = held[:, k - 1]
            threshold = torch.where(worst == NOTHING, threshold, _score(worst))
    return _best(held, count, k)


def _padded(width: int) -> int:
    """Round up to a multiple of GROUP."""
    return -(-width // GROUP) * GROUP


def _above(
    tile: torch.Tensor, threshold: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return rows (rising), columns and values of the scores above the threshold of their row, and the threshold.

    k > 0: there is no threshold yet. A new one lets at least k scores of a row pass, where the row has so many.
    """
    n, width = tile.shape
    # A group is a stripe of columns `width / GROUP` apart, so that whole vectors give its maximum.
    groups = tile.view(n, GROUP, width // GROUP)
    best = groups.amax(1)
    if k:
        # k groups whose best is at least t hold k scores of at least t.
        pool = best if best.shape[1] >= k else tile
        if pool.shape[1] >= k:
            threshold = pool.topk(k, dim=1).values[:, -1].nextafter(threshold)
    row, stripe = (best > threshold[:, None]).nonzero(as_tuple=True)
    scores = groups[row, :, stripe]
    hit, member = (scores > threshold[row][:, None]).nonzero(as_tuple=True)
    return row[hit], member * (width // GROUP) + stripe[hit], scores[hit, member], threshold


def _best(held: torch.Tensor, count: torch.Tensor, k: int) -> torch.Tensor:
    """Return the k largest of the first `count` keys of each row, falling, NOTHING after the last; shape (n, k)."""
    used = max(int(count.max()), k)
    free = torch.arange(used, device=held.device) >= count[:, None]
    return held[:, :used].masked_fill(free, NOTHING).topk(k, dim=1).values


# One integer holds score and item, so that keys compare by score, then by the lower item row, and no two are equal. The
# bits of a float compare like an integer once the magnitude bits of negative numbers are inverted.


def _keys(scores: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    bits = (scores + 0.0).view(torch.int32)  # adding turns -0.0 into 0.0
    return (bits ^ (bits >> 31 & 0x7FFFFFFF)).to(torch.int64) << 32 | LOW - items


def _score(keys: torch.Tensor) -> torch.Tensor:
    bits = (keys >> 32).to(torch.int32)
    return (bits ^ (bits >> 31 & 0x7FFFFFFF)).view(torch.float32)


def _decode(keys: torch.Tensor) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    none = keys == NOTHING
    items = (LOW - (keys & LOW)).masked_fill(none, -1).to(torch.int32)
    return items.cpu().numpy(), _score(keys).masked_fill(none, 0.0).cpu().numpy()


class Pairs(NamedTuple):
    """Pairs of a block of queries with items, ordered by item."""

    rows: torch.Tensor
    items: torch.Tensor
    values: torch.Tensor

    def of(self, first: int, last: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return rows, columns from `first`, and values of the pairs with items first … last - 1."""
        low, high = torch.searchsorted(self.items, torch.tensor([first, last])).tolist()
        return (
            self.rows[low:high].to(device),
            (self.items[low:high] - first).to(device),
            self.values[low:high].to(device),
        )


def _pairs(lists: ItemLists | Terms, block: slice) -> Pairs:
    offsets = np.asarray(lists.offsets[block.start : block.stop + 1], dtype=np.int64)
    part = slice(offsets[0], offsets[-1])
    items = np.asarray(lists.items[part], dtype=np.int64)
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    values = lists.values[part] if isinstance(lists, Terms) else np.zeros(0, dtype=np.float32)
    order = np.argsort(items, kind="stable")
    return Pairs(*(torch.from_numpy(one[order] if len(one) else one) for one in (rows, items, values)))


def _finite(rows: NDArray[Any], name: str, first: int) -> torch.Tensor:
    block = torch.from_numpy(np.array(rows, dtype=np.float32))
    if not torch.isfinite(block.sum()) and not torch.isfinite(block).all():
        row = first + int((~torch.isfinite(block).all(1)).nonzero()[0, 0])
        raise ValueError(f"row {row} of {name} holds NaN or infinity: no inner product can be ranked")
    return block
