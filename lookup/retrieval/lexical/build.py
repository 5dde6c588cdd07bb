"""The second half of an index: the arrays of its terms, its words as written, and its postings.

The score of an item for a term is BM25F (Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond", 2009, section 3.5) with one saturation over all fields, computed by night and quantised to a byte:

    tf'    = Σ_f w_f · tf_f / (1 - b_f + b_f · length_f / mean length_f)
    impact = tf' / (k1 + tf')
    idf    = ln(1 + (N - df + .5) / (df + .5))
    score  = idf · impact
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup import keys
from lookup.retrieval.lexical.counts import FIELDS, Counts

Arrays = Mapping[str, NDArray[Any]]
CHAMPIONS = 256
"""How many of a term's best items are listed, where it has more."""
DENSE_SHARE = 32
"""A term that one item in so many holds has its impacts in a row over all items as well: some five times its postings
at most."""


class Parameters(NamedTuple):
    """What BM25 over fields depends on. The defaults are good on shopping queries; a shop's own are tuned by night."""

    k1: float = 0.3
    b: tuple[float, ...] = (0.6,) * len(FIELDS)
    weights: tuple[float, ...] = (1.0, 1.0, 0.6, 0.6, 0.4)

    @classmethod
    def of(cls, arrays: Arrays) -> "Parameters":
        """What an index was built with."""
        k1, *rest = (float(value) for value in arrays["lexical_parameters"])
        return cls(k1, tuple(rest[: len(FIELDS)]), tuple(rest[len(FIELDS) :]))


class Whole(NamedTuple):
    """What an index of added items takes from the index of all: so scores of both compare."""

    items: int
    mean_lengths: NDArray[np.float32]
    """(5,)"""
    idf: Mapping[str, float]
    """Of terms that the index of all has."""


def build(parts: Sequence[Counts], parameters: Parameters | None = None, whole: Whole | None = None) -> Arrays:
    """The arrays of an index, in memory. parts: of consecutive rows from 0 on.

    n items, t terms in the order of `lookup.keys`, s words as written in the order of their bytes, p postings:

        term_hash uint64 (t,), term_offsets int64 (t + 1,), term_bytes uint8: the terms, as `keys.build` has them
        term_starts int64 (t + 1,): the postings of each term
        term_idf float32 (t,), term_best uint8 (t,): the largest impact
        term_docs int32 (p,) rising in each term, term_impact uint8 (p,) 1 … 255,
        term_fields uint8 (p,): bit f is set where field f holds the term
        champion_term int32 (c,) rising, champion_row int32 (c, 256), champion_impact uint8 (c, 256): the best items,
        the best first, ties by row
        dense_term int32 (d,) rising, dense_impact uint8 (d, n): 0 where an item does not hold the term
        surface_offsets int64 (s + 1,), surface_bytes uint8, surface_term int32 (s,), surface_times int32 (s,)
        lexical_items int64 (1,), lexical_lengths float32 (5,): n, and the mean tokens of each field
        lexical_parameters float32 (11,): k1, b and weights

    Raises ValueError for rows that are not consecutive, and for parameters that are not one for each field.
    """
    parameters = parameters or Parameters()
    if not len(parameters.b) == len(parameters.weights) == len(FIELDS):
        raise ValueError(f"b and weights are one for each field of {', '.join(FIELDS)}")
    items = _items(parts)
    hashes, offsets, data = keys.build({term for part in parts for term in part.terms})
    find = keys.Keys(hashes, offsets, data).find_many
    rows_of = [find(part.terms) for part in parts]
    term = _joined([rows[part.term] for part, rows in zip(parts, rows_of, strict=True)], np.int64)
    row = _joined([part.row for part in parts], np.int32)
    order = np.argsort(term * max(items, 1) + row)
    term, row = term[order], row[order]
    times = np.concatenate([part.times for part in parts])[order] if parts else np.zeros((0, len(FIELDS)), np.uint8)
    lengths = np.concatenate([part.lengths for part in parts]) if items else np.zeros((0, len(FIELDS)), np.int32)
    mean = lengths.mean(axis=0, dtype=np.float64).astype(np.float32) if items else np.zeros(len(FIELDS), np.float32)
    impact = impacts(times, lengths, row, whole.mean_lengths if whole else mean, parameters)
    df = np.bincount(term, minlength=len(hashes))
    starts = np.concatenate([[0], np.cumsum(df)])
    idf = inverse_frequency(whole.items if whole else items, df)
    if whole:
        known = [whole.idf.get(text) for part in parts for text in part.terms]
        for place, value in zip(_joined(rows_of, np.int64).tolist(), known, strict=True):
            if value is not None:
                idf[place] = value
    best = np.maximum.reduceat(impact, starts[:-1]) if len(row) else np.zeros(len(hashes), np.uint8)
    made: dict[str, NDArray[Any]] = {
        "term_hash": hashes,
        "term_offsets": offsets,
        "term_bytes": data,
        "term_starts": starts,
        "term_idf": idf.astype(np.float32),
        "term_best": best,
        "term_docs": row,
        "term_impact": impact,
        "term_fields": np.packbits(times > 0, axis=1, bitorder="little")[:, 0],
        "lexical_items": np.array([items], np.int64),
        "lexical_lengths": whole.mean_lengths if whole else mean,
        "lexical_parameters": np.array([parameters.k1, *parameters.b, *parameters.weights], np.float32),
    }
    return made | _champions(made) | _dense(made, items) | _surfaces(parts, find)


def impacts(
    times: NDArray[np.uint8] | NDArray[np.float32],
    lengths: NDArray[np.int32],
    row: NDArray[np.int32],
    mean: NDArray[np.float32],
    parameters: Parameters,
) -> NDArray[np.uint8]:
    """The quantised impacts of p postings, uint8 (p,), 1 … 255.

    times: (p, 5). lengths: (n, 5), of all items. row: (p,), the item of each posting, or its place in lengths.
    """
    weighted = np.zeros(len(row), np.float32)
    for field, (weight, b) in enumerate(zip(parameters.weights, parameters.b, strict=True)):
        there = np.flatnonzero(times[:, field])
        if len(there) and weight > 0:
            length = lengths[:, field].astype(np.float32) / np.float32(max(float(mean[field]), 1e-9))
            norm = np.float32(weight) / np.maximum(np.float32(1 - b) + np.float32(b) * length, np.float32(1e-6))
            weighted[there] += norm[row[there]] * times[there, field]
    return np.maximum(np.rint(255 * weighted / (np.float32(parameters.k1) + weighted)), 1).astype(np.uint8)


def inverse_frequency(items: int, df: NDArray[np.int64]) -> NDArray[np.float64]:
    """ln(1 + (N - df + .5) / (df + .5)), float64; never negative."""
    return np.log1p((np.maximum(items - df, 0) + 0.5) / (df + 0.5))


def _items(parts: Sequence[Counts]) -> int:
    items = 0
    for part in parts:
        if part.first != items:
            raise ValueError(f"a part begins at row {part.first}, and the rows before it end at {items}")
        items += len(part.lengths)
    return items


def _joined(parts: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _champions(made: Arrays) -> dict[str, NDArray[Any]]:
    starts, rows, impact = made["term_starts"], made["term_docs"], made["term_impact"]
    chosen = np.flatnonzero(np.diff(starts) > CHAMPIONS)
    best_rows = np.zeros((len(chosen), CHAMPIONS), np.int32)
    best_impact = np.zeros((len(chosen), CHAMPIONS), np.uint8)
    for place, term in enumerate(chosen.tolist()):
        part = slice(int(starts[term]), int(starts[term + 1]))
        order = np.argsort(255 - impact[part], kind="stable")[:CHAMPIONS]
        best_rows[place], best_impact[place] = rows[part][order], impact[part][order]
    return {
        "champion_term": chosen.astype(np.int32),
        "champion_row": best_rows,
        "champion_impact": best_impact,
    }


def _dense(made: Arrays, items: int) -> dict[str, NDArray[Any]]:
    starts = made["term_starts"]
    df = np.diff(starts)
    chosen = np.flatnonzero((df > CHAMPIONS) & (df * DENSE_SHARE >= items))
    dense = np.zeros((len(chosen), items), np.uint8)
    for place, term in enumerate(chosen.tolist()):
        part = slice(int(starts[term]), int(starts[term + 1]))
        dense[place, made["term_docs"][part]] = made["term_impact"][part]
    return {"dense_term": chosen.astype(np.int32), "dense_impact": dense}


def _surfaces(parts: Sequence[Counts], find: Any) -> dict[str, NDArray[Any]]:
    known: dict[str, tuple[str, int]] = {}
    for part in parts:
        for surface, (main, times) in part.surfaces.items():
            known[surface] = (main, known.get(surface, (main, 0))[1] + times)
    names = sorted((surface.encode(), surface) for surface in known)
    offsets = np.zeros(len(names) + 1, np.int64)
    np.cumsum([len(data) for data, _ in names], out=offsets[1:])
    return {
        "surface_offsets": offsets,
        "surface_bytes": np.frombuffer(b"".join(data for data, _ in names), np.uint8),
        "surface_term": np.asarray(find([known[name][0] for _, name in names]), np.int32),
        "surface_times": np.minimum([known[name][1] for _, name in names], 2**31 - 1).astype(np.int32),
    }
