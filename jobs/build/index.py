"""The Annoy index over the items of a release, and how hard a search must try."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex
from numpy.typing import NDArray

from lookup.ann import Index, norms, reduce_items, scan
from lookup.manifest import AnnoyFact, SearchFact

FILE = "items.ann"
RECALL_AT = 20
SAMPLE = 200
TIMED = 50
"""Queries that are timed."""
SEED = 7
BLOCK = 8192
Search = Callable[[NDArray[np.float32]], NDArray[np.int32]]


def build_index(
    release: Path, item_vector: NDArray[np.float32], user_vector: NDArray[np.float32], trees: int, recall: float
) -> tuple[AnnoyFact, SearchFact]:
    """Write `items.ann` into a release, find the search effort that reaches the recall, and time it and a scan.

    item_vector: shape (I, D), I > 0. user_vector: shape (U, D); a sample of them asks (items do where U is 0).
    recall: of the exact first 20, from 0 to 1. Returns how the index was made, and the method that is the quicker where
    both reach the recall; Annoy does not only where even searching every node is not enough.
    """
    items, dimensions = item_vector.shape
    blocks = range(0, items, BLOCK)
    norm = float(max(norms(item_vector[start : start + BLOCK]).max() for start in blocks))
    annoy = AnnoyIndex(dimensions + 1, "angular")
    annoy.set_seed(SEED)
    for start in blocks:
        for row, vector in enumerate(reduce_items(item_vector[start : start + BLOCK], norm), start):
            annoy.add_item(row, vector)
    annoy.build(trees, n_jobs=-1)
    annoy.save(str(release / FILE))

    asking = user_vector if len(user_vector) else item_vector
    queries = asking[np.unique(np.linspace(0, len(asking) - 1, SAMPLE).astype(np.int64))]
    exact = exact_top(item_vector, queries, RECALL_AT)
    search_k, index, k = RECALL_AT * 2, Index(annoy), exact.shape[1]
    while True:
        near = partial(index.candidates, n=k, search_k=search_k)
        reached = measure_recall(near, queries, exact)
        if reached >= recall or search_k >= items * trees:
            break
        search_k *= 2
    annoy_us, scan_us = (microseconds(one, queries) for one in (near, partial(scan, item_vector, n=k)))
    scans = reached < recall or scan_us <= annoy_us
    search = SearchFact(
        method="scan" if scans else "annoy",
        recall=1.0 if scans else reached,
        search_k=search_k,
        annoy_recall=reached,
        annoy_us=annoy_us,
        scan_us=scan_us,
    )
    return AnnoyFact(file=FILE, metric="angular", f=dimensions + 1, n=items, trees=trees, norm=norm), search


def exact_top(item_vector: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The exact best items of every query by inner product, in no order.

    item_vector: shape (I, D). queries: shape (n, D). Returns shape (n, min(k, I)); memory grows with n x (BLOCK + k).
    """
    scores = np.empty((len(queries), 0), dtype=np.float32)
    rows = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(item_vector), BLOCK):
        new = queries @ item_vector[start : start + BLOCK].T
        scores = np.concatenate([scores, new], axis=1)
        rows = np.concatenate([rows, np.broadcast_to(np.arange(start, start + new.shape[1]), new.shape)], axis=1)
        if scores.shape[1] > k:
            best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
            scores, rows = np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)
    return rows


def measure_recall(search: Search, queries: NDArray[np.float32], exact: NDArray[np.int64]) -> float:
    """Share of the exact items that a search finds, mean over the queries. exact: shape (n, k)."""
    found = [search(query) for query in queries]
    return float(np.mean([len(np.intersect1d(f, e)) for f, e in zip(found, exact, strict=True)]) / exact.shape[1])


def microseconds(search: Search, queries: NDArray[np.float32]) -> float:
    """The median time that a search takes for a query."""
    times = []
    for query in queries[:TIMED]:
        started = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e6
