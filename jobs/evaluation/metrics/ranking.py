"""Metrics of ranked lists, with binary relevance. A list holds item rows, best first, -1 after the last.

Metrics of each user: recall, hit rate, NDCG (Järvelin & Kekäläinen, TOIS 2002, with log2 discount) and MRR, at any
length up to that of the lists. Metrics of all lists together: coverage, Gini of exposure, novelty, and diversity within
a list.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.ranking.exact import ItemLists

if TYPE_CHECKING:
    import scipy.sparse as sp


def hits(lists: NDArray[np.int32], truth: ItemLists) -> NDArray[np.bool_]:
    """Say whether each place of each list holds a wanted item: bool (n, K).

    lists: item rows, (n, K). truth: the different wanted items of each of the n users.
    """
    size = 1 + max(lists.max(initial=0), truth.items.max(initial=0))
    row = np.arange(len(lists), dtype=np.int64) * size
    wanted = np.sort(np.repeat(row, np.diff(truth.offsets)) + truth.items)
    keys = row[:, None] + lists
    if not len(wanted):
        return np.zeros(lists.shape, dtype=np.bool_)
    found = wanted[np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)] == keys
    return np.asarray(found & (lists >= 0))


def recall(hit: NDArray[np.bool_], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of the wanted items in the list, (n,). hit: (n, k). wanted: their number, (n,)."""
    return np.asarray(hit.sum(1) / wanted)


def hit_rate(hit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return 1 where the list has a wanted item, else 0, (n,). hit: (n, k)."""
    return np.asarray(hit.any(1), dtype=np.float64)


def mrr(hit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return 1 / rank of the first wanted item, 0 where the list has none, (n,). hit: (n, k)."""
    return np.asarray(np.where(hit.any(1), 1.0 / (hit.argmax(1) + 1.0), 0.0))


def ndcg(hit: NDArray[np.bool_], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sum over hits of 1 / log2(rank + 1), divided by that of the best list of the same length, (n,).

    hit: (n, k). wanted: the number of wanted items, (n,).
    """
    length = hit.shape[1]
    discount = 1.0 / np.log2(np.arange(2, length + 2))
    best = np.cumsum(discount)[np.minimum(wanted, length) - 1]
    return np.asarray((hit @ discount) / best)


def user_metrics(lists: NDArray[np.int32], truth: ItemLists, lengths: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Return the metrics of each user by name, such as "recall@10", float64 (n,) each.

    lists: item rows, (n, K). truth: the wanted items, at least one for each of the n users. lengths: at most K each.
    """
    hit, wanted = hits(lists, truth), np.diff(truth.offsets)
    metrics = {}
    for k in lengths:
        top = hit[:, :k]
        metrics[f"recall@{k}"] = recall(top, wanted)
        metrics[f"ndcg@{k}"] = ndcg(top, wanted)
        metrics[f"mrr@{k}"] = mrr(top)
        metrics[f"hit_rate@{k}"] = hit_rate(top)
    return metrics


def exposure(lists: NDArray[np.int32], items: int) -> NDArray[np.int64]:
    """Count the lists with each of `items` items, (items,). lists: item rows, (n, k)."""
    return np.bincount(lists[lists >= 0], minlength=items)


def coverage(exposed: NDArray[np.int64]) -> float:
    """Return the share of items in any list. exposed: the `exposure` of each item."""
    return float((exposed > 0).mean())


def gini(exposed: NDArray[np.int64]) -> float:
    """Return how unequal the exposure of items is: 0 for equal, near 1 if one item has it all; 0 without any list.

    sum_i (2 i - n - 1) x_i / (n sum_i x_i), with x rising and i from 1 (Fleder & Hosanagar, Management Science 2009).
    """
    x = np.sort(exposed).astype(np.float64)
    place = 2 * np.arange(1, len(x) + 1) - len(x) - 1
    return float(place @ x / (len(x) * x.sum())) if x.any() else 0.0


def novelty(exposed: NDArray[np.int64], events: NDArray[np.float64]) -> float:
    """Return the mean of -log2 of the listed items' shares in the training events, in bits; 0 without any list.

    Vargas & Castells, RecSys 2011, section 3.1 (self-information). events: training events of each item, (items,); each
    count is raised by one, so that a new item's value is finite.
    """
    share = (events + 1.0) / (events.sum() + len(events))
    return float(-np.log2(share) @ exposed / max(exposed.sum(), 1))


def diversity(lists: NDArray[np.int32], attributes: "sp.csr_array") -> float | None:
    """Return 1 less the mean cosine of two items of a list (Ziegler et al., WWW 2005, eq. 5, as a distance).

    attributes: (items, A), sparse. Items without attributes do not count, nor do lists with fewer than two other items;
    None where no list counts.
    """
    import scipy.sparse as sp

    length = np.sqrt(np.asarray(attributes.multiply(attributes).sum(1)).ravel())
    unit = sp.diags_array(1.0 / np.where(length > 0, length, 1.0)) @ attributes
    known = (lists >= 0) & (length > 0)[np.maximum(lists, 0)]
    count = known.sum(1)
    rows = np.repeat(np.arange(len(lists)), count)
    listed = sp.csr_array((np.ones(len(rows)), (rows, lists[known])), shape=(len(lists), attributes.shape[0]))
    total = listed @ unit
    # |sum of unit vectors|² = count + twice the sum of the cosines of all pairs.
    cosines = np.asarray(total.multiply(total).sum(1)).ravel() - count
    several = count > 1
    if not several.any():
        return None
    return float(1.0 - (cosines[several] / (count[several] * (count[several] - 1))).mean())


def measure(
    lists: NDArray[np.int32], truth: list[NDArray[np.int32]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return recall and NDCG of each list at its length, float64 (n,) each.

    lists: item rows, (n, k), -1 after the last. truth: the wanted items of each.
    """
    wanted = np.asarray([len(one) for one in truth])
    hit = hits(lists, ItemLists(np.concatenate([[0], np.cumsum(wanted)]), np.concatenate(truth)))
    return recall(hit, wanted), ndcg(hit, wanted)
