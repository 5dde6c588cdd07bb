"""Top-K in float32 by tiles: a tile is scored, and only scores that may still enter a list leave it.

Writing out and sorting the whole score matrix costs more than the products. So each query keeps a threshold, the
score of its k-th best item so far. The maximum of every GROUP items is compared with it, and only groups above it are
examined. With items in random order about k ln(N / k) of N items pass, a few in a thousand.
"""

from collections.abc import Callable

import torch

from jobs.ranking.inputs import Pairs
from jobs.ranking.keys import NOTHING, keys_of, score_of

GROUP = 8
"""The maximum of this many items is compared with the threshold."""

Read = Callable[[int, int], torch.Tensor]
"""Gives items first … last - 1, float32, on any device."""


def search(
    queries: torch.Tensor,
    read: Read,
    count: int,
    k: int,
    *,
    terms: Pairs | None,
    exclude: Pairs | None,
    item_block: int,
) -> torch.Tensor:
    """Return the sorted keys of the k best of `count` items for each query, int64, shape (n, k).

    terms, exclude: ordered by item.
    """
    n, dimensions = queries.shape
    device = queries.device
    item_block = _padded(item_block)
    tile_items: torch.Tensor | None = None
    scores = torch.empty(n * item_block, device=device)
    # A row holds its first `held` keys. When some row has more than 2 k, all are cut to their best k: so a tile always
    # has room, and the threshold is fresh enough.
    keys = torch.empty((n, 2 * k + item_block), dtype=torch.int64, device=device)
    held = torch.zeros(n, dtype=torch.int64, device=device)
    threshold = torch.full((n,), -torch.inf, device=device)
    for first in range(0, count, item_block):
        last = min(first + item_block, count)
        width = _padded(last - first)
        own = read(first, last)
        if own.device != device or len(own) < width:
            if tile_items is None:
                tile_items = torch.zeros((item_block, dimensions), device=device)
            tile_items[: last - first] = own
            own = tile_items[:width]
        tile = scores[: n * width].view(n, width)
        torch.mm(queries, own.T, out=tile)
        tile[:, last - first :] = -torch.inf
        if terms is not None:
            rows, columns, values = terms.between(first, last)
            tile[rows, columns] += values
        if exclude is not None:
            rows, columns, _ = exclude.between(first, last)
            tile[rows, columns] = -torch.inf
        query, column, score, threshold = _above(tile, threshold, k if first == 0 else 0)
        if len(query) == 0:
            continue
        added = torch.bincount(query, minlength=n)
        place = torch.arange(len(query), device=device) - (added.cumsum(0) - added)[query]
        keys[query, held[query] + place] = keys_of(score, column + first)
        held += added
        if int(held.max()) > 2 * k:
            keys[:, :k] = _best(keys, held, k)
            held.clamp_(max=k)
            worst = keys[:, k - 1]
            threshold = torch.where(worst == NOTHING, threshold, score_of(worst))
    return _best(keys, held, k)


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


def _best(keys: torch.Tensor, held: torch.Tensor, k: int) -> torch.Tensor:
    """Return the k largest of the first `held` keys of each row, falling, NOTHING after the last; shape (n, k)."""
    used = max(int(held.max()), k)
    free = torch.arange(used, device=keys.device) >= held[:, None]
    return keys[:, :used].masked_fill(free, NOTHING).topk(k, dim=1).values
