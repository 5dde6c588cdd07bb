"""The choice of the index by which a release finds the best items for a vector.

The night measures recall and time of every method, one query at a time, and takes the fastest that is good enough. The
stored name of the method that scans projections is "sketch".
"""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from annoy import AnnoyIndex
from numpy.typing import NDArray

from jobs.infra.logging import log_line
from lookup.retrieval.annoy_index import Index
from lookup.retrieval.index_choice import IndexChoice
from lookup.retrieval.scan import fit_projections, scan, scan_projections
from lookup.scoring.user_encoder import UserEncoder

RECALL_AT = 20
SAMPLE = 200
"""Queries for the recall."""
FITTED_ON = 2000
"""User vectors to which projections are fitted."""
TIMED = 30
"""Queries to time, each three times."""
SESSIONS = (1, 5, 20)
"""Some queries are sessions of this many newest events, all of today."""
PROJECTED = (16, 24, 32, 48, 64)
"""Dimensions of projections to try."""
SURVIVORS = (100, 200, 400)
"""Numbers of items to score exactly after a scan of projections, to try."""
BLOCK = 8192

Matrix = NDArray[np.float32]
Search = Callable[[Matrix], NDArray[np.int32]]


class Projections(NamedTuple):
    """The arrays `item_sketch` and `query_sketch`; without dimensions where they do not pay off."""

    items: Matrix
    """Projected items, (I, R)."""
    queries: Matrix
    """The matrix that projects a query, (D, R)."""


class _Tried(NamedTuple):
    """A method of search: its recall, its time, and its effort (survivors or search_k)."""

    recall: float
    us: float
    effort: int


def ask(
    encoder: UserEncoder,
    item_input: Matrix,
    users: int,
    vector: Callable[[int], Matrix],
    history: Callable[[int], NDArray[np.int32]],
) -> Matrix:
    """Make the queries for the choice: user vectors of the night, and of sessions; float32 (n, D).

    item_input: array of the release. users: how many there are. vector, history: of a user, by row: u, and the item
    rows of the events, newest last.
    """
    asked = []
    for place, user in enumerate(spread_rows(users, SAMPLE).tolist()):
        length = (None, *SESSIONS)[place % (1 + len(SESSIONS))]
        if length is None:
            asked.append(vector(user))
        else:
            rows = history(user)[-length:]
            asked.append(encoder.user_vector(item_input[rows], np.zeros(len(rows)), np.ones(len(rows))))
    return np.stack(asked) if asked else np.empty((0, item_input.shape[1]), dtype=np.float32)


def choose(
    item_vector: Matrix, annoy: AnnoyIndex, users: Matrix, asked: Matrix, recall: float
) -> tuple[IndexChoice, Projections]:
    """Choose the fastest search that finds the share `recall` of the exact first 20.

    item_vector: shape (I, D), I > 0. users: vectors of users, shape (n, D), for fitting the projections. asked: shape
    (n, D), as `ask` makes them. Items replace both where a shop has no users.
    """
    users, asked = (
        given if len(given) else item_vector[spread_rows(len(item_vector), SAMPLE)] for given in (users, asked)
    )
    exact = exact_top(item_vector, asked, RECALL_AT)
    k = exact.shape[1]
    tried = {"scan": _Tried(1.0, microseconds(partial(scan, item_vector, n=k), asked), 0)}
    queries, items = _projections(item_vector, users)
    chosen, best = Projections(items[:, :0], queries[:, :0]), None
    for size in [size for size in PROJECTED if size <= items.shape[1]]:
        here = Projections(np.ascontiguousarray(items[:, :size]), np.ascontiguousarray(queries[:, :size]))
        for survivors in SURVIVORS:
            one = partial(scan_projections, item_vector, *here, n=k, survivors=survivors)
            reached = measure_recall(one, asked, exact)
            if reached >= recall:
                found = _Tried(reached, microseconds(one, asked), survivors)
                if best is None or found.us < best.us:
                    best, chosen = found, here
                break
    if best is not None and best.us < tried["scan"].us:
        tried["sketch"] = best
    else:
        chosen = Projections(items[:, :0], queries[:, :0])
    near = _annoy(annoy, asked, exact, recall, limit_us=min(one.us for one in tried.values()))
    if near.recall >= recall:
        tried["annoy"] = near
    method = min(tried, key=lambda name: tried[name].us)
    log_line("build", "index_choice", method=method, **{f"{name}_us": round(one.us) for name, one in tried.items()})
    fact = IndexChoice(
        method=method,
        recall=tried[method].recall,
        survivors=tried["sketch"].effort if "sketch" in tried else 0,
        search_k=near.effort,
        annoy_recall=near.recall,
        scan_us=tried["scan"].us,
        sketch_us=tried["sketch"].us if "sketch" in tried else None,
        annoy_us=near.us,
    )
    return fact, chosen


def exact_top(item_vector: Matrix, queries: Matrix, k: int) -> NDArray[np.int64]:
    """Return the exact best items of every query by inner product, in no order.

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


def measure_recall(search: Search, queries: Matrix, exact: NDArray[np.int64]) -> float:
    """Return the share of the exact items that a search finds, the mean over queries. exact: shape (n, k)."""
    found = [len(np.intersect1d(search(query), best)) for query, best in zip(queries, exact, strict=True)]
    return float(np.mean(found) / exact.shape[1])


def microseconds(search: Search, queries: Matrix) -> float:
    """Return the time of a search for a query: the median over some queries of the best of three times."""
    times = []
    for query in queries[spread_rows(len(queries), TIMED)]:
        own = []
        for _ in range(3):
            started = time.perf_counter()
            search(query)
            own.append(time.perf_counter() - started)
        times.append(min(own))
    return float(np.median(times)) * 1e6


def spread_rows(size: int, most: int) -> NDArray[np.int64]:
    """Return at most this many different numbers of 0 … size-1, evenly spread."""
    return np.unique(np.linspace(0, size - 1, most if size else 0).astype(np.int64))


def _projections(item_vector: Matrix, users: Matrix) -> tuple[Matrix, Matrix]:
    """Fit the largest projections to try: of queries (D, R), of items (I, R). Their first columns are smaller ones."""
    size = min(max(PROJECTED), item_vector.shape[1] - 1)
    items, queries = fit_projections(item_vector, users[spread_rows(len(users), FITTED_ON)], size)
    blocks = [item_vector[start : start + BLOCK] @ items for start in range(0, len(item_vector), BLOCK)]
    return queries, np.concatenate(blocks)


def _annoy(annoy: AnnoyIndex, asked: Matrix, exact: NDArray[np.int64], recall: float, limit_us: float) -> _Tried:
    """Try Annoy with more and more effort, until it reaches the recall or is slower than another method."""
    index, k, search_k = Index(annoy), exact.shape[1], RECALL_AT * 2
    most = annoy.get_n_items() * annoy.get_n_trees()
    while True:
        near = partial(index.candidates, n=k, search_k=search_k)
        found = _Tried(measure_recall(near, asked, exact), microseconds(near, asked), search_k)
        if found.recall >= recall or found.us > limit_us or search_k >= most:
            return found
        search_k *= 2
