"""How the best items for a vector are to be found in a release: measured here, one query at a time, and chosen."""

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
"""Queries that are asked."""
FITTED_ON = 2000
"""User vectors that sketches are fitted to."""
TIMED = 30
"""Queries that are timed, each three times."""
SESSIONS = (1, 5, 20)
"""The queries beside the night's vectors are of so many newest events, all of today."""
SKETCHES = (16, 24, 32, 48, 64)
"""Dimensions of sketches that are tried."""
SURVIVORS = (100, 200, 400)
"""How many items are then scored exactly: what is tried."""
BLOCK = 8192

Matrix = NDArray[np.float32]
Search = Callable[[Matrix], NDArray[np.int32]]


class Sketches(NamedTuple):
    """The arrays `item_sketch` and `query_sketch`; of no dimensions where they are not worth their bytes."""

    items: Matrix
    """(I, R)."""
    queries: Matrix
    """(D, R)."""


class _Tried(NamedTuple):
    """A search, what it reaches and what it takes."""

    recall: float
    us: float
    effort: int


def ask(encoder: UserEncoder, item_input: Matrix, user_vector: Matrix, history: Callable[[int], Matrix]) -> Matrix:
    """What is asked to choose a search by: vectors of the night, and of sessions; float32 (n, D).

    item_input, user_vector: arrays of the release. history: the item rows of a user's events, newest last.
    """
    asked = []
    users = np.unique(np.linspace(0, len(user_vector) - 1, min(SAMPLE, len(user_vector))).astype(np.int64))
    for place, user in enumerate(users.tolist()):
        length = (None, *SESSIONS)[place % (1 + len(SESSIONS))]
        if length is None:
            asked.append(user_vector[user])
        else:
            rows = history(user)[-length:]
            asked.append(encoder.user_vector(item_input[rows], np.zeros(len(rows)), np.ones(len(rows))))
    return np.stack(asked) if asked else np.empty((0, item_input.shape[1]), dtype=np.float32)


def choose(
    item_vector: Matrix, annoy: AnnoyIndex, users: Matrix, asked: Matrix, recall: float
) -> tuple[IndexChoice, Sketches]:
    """The quickest search that finds `recall` of the exact first 20.

    item_vector: shape (I, D), I > 0. users: shape (U, D), to fit the sketches to. asked: shape (n, D), as `ask` makes
    them. Items stand in for both where a shop has no users.
    """
    users, asked = (given if len(given) else item_vector[_spread(len(item_vector), SAMPLE)] for given in (users, asked))
    exact = exact_top(item_vector, asked, RECALL_AT)
    k = exact.shape[1]
    tried = {"scan": _Tried(1.0, microseconds(partial(scan, item_vector, n=k), asked), 0)}
    queries, sketches = _sketches(item_vector, users)
    chosen, best = Sketches(sketches[:, :0], queries[:, :0]), None
    for size in [size for size in SKETCHES if size <= sketches.shape[1]]:
        here = Sketches(np.ascontiguousarray(sketches[:, :size]), np.ascontiguousarray(queries[:, :size]))
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
        chosen = Sketches(sketches[:, :0], queries[:, :0])
    near = _annoy(annoy, asked, exact, recall, limit_us=min(one.us for one in tried.values()))
    if near.recall >= recall:
        tried["annoy"] = near
    method = min(tried, key=lambda name: tried[name].us)
    log_line("build", "search", method=method, **{f"{name}_us": round(one.us) for name, one in tried.items()})
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


def measure_recall(search: Search, queries: Matrix, exact: NDArray[np.int64]) -> float:
    """Share of the exact items that a search finds, mean over the queries. exact: shape (n, k)."""
    found = [len(np.intersect1d(search(query), best)) for query, best in zip(queries, exact, strict=True)]
    return float(np.mean(found) / exact.shape[1])


def microseconds(search: Search, queries: Matrix) -> float:
    """What a search takes for a query: the median over some, of each the best of three times."""
    times = []
    for query in queries[_spread(len(queries), TIMED)]:
        own = []
        for _ in range(3):
            started = time.perf_counter()
            search(query)
            own.append(time.perf_counter() - started)
        times.append(min(own))
    return float(np.median(times)) * 1e6


def _spread(size: int, most: int) -> NDArray[np.int64]:
    """At most so many different numbers of 0 … size-1, evenly spread."""
    return np.unique(np.linspace(0, size - 1, most).astype(np.int64))


def _sketches(item_vector: Matrix, users: Matrix) -> tuple[Matrix, Matrix]:
    """Of queries (D, R) and of items (I, R), the largest that are tried; their first columns are smaller ones."""
    size = min(max(SKETCHES), item_vector.shape[1] - 1)
    items, queries = fit_projections(item_vector, users[_spread(len(users), FITTED_ON)], size)
    blocks = [item_vector[start : start + BLOCK] @ items for start in range(0, len(item_vector), BLOCK)]
    return queries, np.concatenate(blocks)


def _annoy(annoy: AnnoyIndex, asked: Matrix, exact: NDArray[np.int64], recall: float, limit_us: float) -> _Tried:
    """Annoy with the effort that reaches the recall, or the first with which it is slower than others are."""
    index, k, search_k = Index(annoy), exact.shape[1], RECALL_AT * 2
    most = annoy.get_n_items() * annoy.get_n_trees()
    while True:
        near = partial(index.candidates, n=k, search_k=search_k)
        found = _Tried(measure_recall(near, asked, exact), microseconds(near, asked), search_k)
        if found.recall >= recall or found.us > limit_us or search_k >= most:
            return found
        search_k *= 2
