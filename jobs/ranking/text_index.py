"""Building the text index of a release: its lists, and how many of them a search looks through."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.models.query_encoder.table import Matrix, quantise, units
from lookup.retrieval.text_index import TEXT_ARRAYS, TextIndex

LARGEST_SCAN = 2_000
"""Up to this many items there is one list: all are scored."""
DRAWN = 64
"""Items for each list that the centres are fitted to."""
ROUNDS = 8
BLOCK = 8192
RECALL_AT = 100
ROUNDING = 1e-5
"""Sums of float32 in another order differ by less."""


def build_text_index(vectors: Matrix, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return the arrays of an index (`lookup.retrieval.text_index.TEXT_ARRAYS`).

    vectors: of all items in the order of rows, float32 (I, E), of length 1; zeros for an item without text.
    """
    count = len(vectors)
    lists = 1 if count <= LARGEST_SCAN else round(1.6 * count**0.5)
    centres = fit_centres(vectors, lists, seed)
    nearest = _nearest(vectors, centres)
    order = np.argsort(nearest, kind="stable").astype(np.int32)
    places = np.empty(count, dtype=np.int32)
    places[order] = np.arange(count, dtype=np.int32)
    starts = np.searchsorted(nearest[order], np.arange(lists + 1)).astype(np.int64)
    codes, scales = quantise(vectors)
    return dict(zip(TEXT_ARRAYS, (centres, starts, order, places, codes[order], scales[order]), strict=True))


def fit_centres(vectors: Matrix, lists: int, seed: int) -> Matrix:
    """Return the centres of a spherical k-means, float32 (lists, E), of length 1.

    Dhillon & Modha, "Concept decompositions for large sparse text data using clustering", Machine Learning 42, 2001. It
    is fitted to a sample of DRAWN items a list. vectors: (I, E), I at least `lists`, or no items at all.
    """
    rng = np.random.default_rng(seed)
    drawn = vectors[rng.permutation(len(vectors))[: DRAWN * lists]]
    centres = np.zeros((lists, vectors.shape[1]), dtype=np.float32)
    centres[: len(drawn)] = drawn[:lists]
    for _ in range(ROUNDS if lists > 1 else 1):
        nearest = _nearest(drawn, centres)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, drawn)
        filled = np.bincount(nearest, minlength=lists) > 0
        centres[filled] = units(sums[filled])
    return centres


def choose_probes(arrays: dict[str, NDArray[Any]], vectors: Matrix, queries: Matrix, recall: float) -> int:
    """Return the fewest lists with which a search reaches a mean recall@100 of `recall`; a power of 2, or all.

    arrays: of the index. vectors: those that it was built from. queries: (n, E); items stand in where there are none.
    """
    queries = queries if len(queries) else vectors[:200]
    lists = len(arrays["text_centre"])
    every = TextIndex(arrays, lists)
    least = np.array([every.search(query, RECALL_AT)[1].min(initial=np.inf) for query in queries])
    probes = 1
    while probes < lists and _recall(TextIndex(arrays, probes), queries, least) < recall:
        probes *= 2
    return min(probes, lists)


def _recall(index: TextIndex, queries: Matrix, least: NDArray[np.floating]) -> float:
    """The share of the items that are found and are as near as the hundredth nearest.

    By nearness and not by rows: where hundreds of items have one text, any of them is right. least: of each query the
    score of that item.
    """
    near = [
        np.count_nonzero(index.search(query, RECALL_AT)[1] >= score - ROUNDING)
        for query, score in zip(queries, least, strict=True)
    ]
    return float(np.sum(near)) / max(len(queries) * min(RECALL_AT, len(index)), 1)


def _nearest(vectors: Matrix, centres: Matrix) -> NDArray[np.int64]:
    """The centre with the largest inner product for each vector, int64 (n,)."""
    blocks = [(vectors[n : n + BLOCK] @ centres.T).argmax(axis=1) for n in range(0, len(vectors), BLOCK)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *blocks])
