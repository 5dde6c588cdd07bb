"""Exact top-K from coarse products: candidates above a threshold, ranked in float32, and a proof for each query.

A coarse score s' differs from the float32 score s by at most e (Cauchy and Schwarz on what bfloat16 takes from both
vectors, and the rounding of the sums). All items with s' above a threshold t are candidates. So every other item has
s <= t + e, and a list whose K-th float32 score is above t + e is the list of all items. The threshold comes from a
random sample. Where a list cannot be proven, or there are too many candidates, the caller must do without this.

Pairs with a term are scored apart, all of them, in float32. So a term never meets a coarse score.
"""

import math
from types import ModuleType

import torch

from jobs.ranking.device.items import DeviceItems
from jobs.ranking.device.pairs import KeyedPairs
from jobs.ranking.inputs import Pairs
from jobs.ranking.keys import NOTHING, keys_of, merged, score_of

SAMPLE = 8
"""One item in so many is in the sample, and not fewer than LEAST."""
LEAST = 16_384
SAMPLE_TILE = 256
"""Of so many items in the sample only the best counts."""
MARGIN = 1.15
"""So many times K items are aimed at, since the float32 scores of the last ones decide nothing."""
SIGMAS = 5.0
"""So far is the threshold below what is aimed at, since a sample is a matter of chance."""
ROOM = 1.7
"""There is room for so many times the candidates that are expected."""
WIDEST = 3
"""A query whose exclusions hide the best aims at so many times the usual rank at most."""


def search(
    queries: torch.Tensor,
    items: DeviceItems,
    k: int,
    *,
    terms: Pairs | None,
    exclude: Pairs | None,
    coarse: ModuleType,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sorted keys of the k best items of each query, int64 (n, k), and which queries are proven, bool (n,).

    coarse: the module of the coarse pass, `plain` or `triton_pass`.
    """
    n, d = queries.shape
    size = items.shape[0]
    left_out = None if exclude is None else KeyedPairs.of(exclude, size)
    own = None if terms is None else KeyedPairs.of(terms, size)
    if own is not None and left_out is not None:
        own = own.where(~left_out.holds(own.keys))
    added = None if own is None else coarse.products(own.pairs, queries, items.rows)
    lost = [] if left_out is None else [(left_out.pairs.rows, coarse.products(left_out.pairs, queries, items.rows))]
    if own is not None and added is not None:
        below = own.pairs.values < 0
        lost.append((own.pairs.rows[below], added[below]))

    halves = torch.zeros((n, items.coarse.shape[1]), dtype=torch.bfloat16, device=queries.device)
    halves[:, :d] = queries
    thresholds, expected = _thresholds(halves, items, k, lost, coarse)
    room = 64 * math.ceil((ROOM * expected + 40) / 64)
    candidates, found, complete = coarse.survivors(halves, items, thresholds, expected, room)
    keys = coarse.rescore(queries, items.rows, candidates, found)
    pairs_here = torch.arange(n, device=queries.device)[:, None] * size + candidates
    for pairs in (left_out, own):
        if pairs is not None:
            keys.masked_fill_(pairs.holds(pairs_here), NOTHING)
    keys = keys.sort(dim=1, descending=True).values[:, :k]
    if own is not None and added is not None:
        keys = merged(keys, own.pairs.rows, keys_of(added + own.pairs.values, own.pairs.items))
    last = keys[:, -1]
    e = error_bound(queries, halves[:, :d].float(), items, coarse.ROUNDING)
    # The last summand is the rounding of the sum itself.
    limit = thresholds + e + thresholds.abs() * 2.0**-20
    return keys, complete & (last != NOTHING) & (score_of(last) > limit)


def error_bound(queries: torch.Tensor, halves: torch.Tensor, items: DeviceItems, rounding: float) -> torch.Tensor:
    """Return the most by which coarse and float32 score of a query and any item differ; shape (n,).

    halves: the queries as the coarse pass sees them. rounding: of a score, as a share of the product of both norms.
    """
    norm, kept = queries.norm(dim=1), halves.norm(dim=1)
    lost = (queries - halves).norm(dim=1)
    # Tensor cores cut sums where float32 rounds them, so more than a whole last bit is allowed to each addition.
    sums = queries.shape[1] * 2.0**-21 + rounding
    return (lost * items.norm + kept * items.error + sums * norm * items.norm) * 1.001 + 1e-30


def _thresholds(
    halves: torch.Tensor,
    items: DeviceItems,
    k: int,
    lost: list[tuple[torch.Tensor, torch.Tensor]],
    coarse: ModuleType,
) -> tuple[torch.Tensor, float]:
    """Return a score for each query that, almost surely, a few more than k items are above, and about how many.

    lost: rows and products of pairs that may leave a list in spite of their products; as many more are aimed at.
    """
    size, sample = items.shape[0], max(LEAST, len(items.coarse) // SAMPLE // SAMPLE_TILE * SAMPLE_TILE)
    best = coarse.maxima(halves, items.coarse[:sample], SAMPLE_TILE)
    usual = int(_rank(torch.tensor(float(k)), sample / size))
    best = best.topk(min(best.shape[1], WIDEST * usual if lost else usual), dim=1).values
    widest = best.shape[1]
    usual = min(usual, widest)
    rank = torch.full((len(halves),), usual, device=halves.device)
    if lost:
        over = [rows[product > best[rows, usual - 1]] for rows, product in lost]
        rank = _rank(k + torch.bincount(torch.cat(over), minlength=len(halves)), sample / size).clamp_(max=widest)
    most = int(rank.max()) if len(rank) else 1
    return best.gather(1, rank[:, None] - 1)[:, 0].contiguous(), most * size / sample


def _rank(wanted: torch.Tensor, share: float) -> torch.Tensor:
    """Return which of the best of a sample has, almost surely, `wanted` of all items above it; int64."""
    mean = wanted * MARGIN * share
    return (mean + SIGMAS * mean.sqrt() + 1).long().clamp_(min=1)
