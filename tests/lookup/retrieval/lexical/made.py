"""Small indexes for tests, and a search that is so plain that it can only be right."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from lookup.retrieval.lexical.build import Arrays, Parameters, build
from lookup.retrieval.lexical.counts import FIELDS, count
from lookup.retrieval.lexical.slots import UNIT, Slot, factor
from lookup.text.analyzer import Analyzer

ANALYZER = Analyzer()
WORDS = [f"{begin}{end}" for begin in ("blue", "red", "fast", "usb", "mini") for end in ("", "ra", "to", "7")]

item_texts = st.tuples(*(st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join) for _ in FIELDS))
many_items = st.lists(item_texts, max_size=16)
SOME = settings(max_examples=40, deadline=None)
"""For tests that build an index in every example."""


def made_titles(items: int, words: int, seed: int = 0) -> list[str]:
    """Titles of 1 to 14 words whose frequencies fall as Zipf found."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, words + 1)
    names = np.array([f"w{number:x}q" for number in range(words)])
    sizes = rng.integers(1, 15, items)
    drawn = names[rng.choice(words, int(sizes.sum()), p=share / share.sum())]
    return [" ".join(part) for part in np.split(drawn, np.cumsum(sizes)[:-1])]


def index_of(items: Sequence[Sequence[str]], parameters: Parameters | None = None, part: int = 1000) -> Arrays:
    parts = [count(items[first : first + part], ANALYZER, first) for first in range(0, len(items), part)]
    return build(parts, parameters)


def titled(titles: Sequence[str]) -> list[tuple[str, ...]]:
    return [(title, "", "", "", "") for title in titles]


def plain_scores(arrays: Arrays, slots: Sequence[Slot]) -> dict[int, int]:
    """Of every row its score in whole numbers, over the quantised impacts."""
    scores: dict[int, int] = {}
    for slot in slots:
        best: dict[int, int] = {}
        for term, weight in slot:
            multiplied = factor(float(arrays["term_idf"][term]), weight)
            for place in range(int(arrays["term_starts"][term]), int(arrays["term_starts"][term + 1])):
                row = int(arrays["term_docs"][place])
                best[row] = max(best.get(row, 0), multiplied * int(arrays["term_impact"][place]))
        for row, score in best.items():
            scores[row] = scores.get(row, 0) + score
    return scores


def plain_top(arrays: Arrays, slots: Sequence[Slot], n: int) -> list[tuple[int, np.float32]]:
    scores = plain_scores(arrays, slots)
    ordered = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:n]
    return [(row, np.float32(score) * np.float32(1 / UNIT)) for row, score in ordered]


def plain_impacts(items: Sequence[Sequence[str]], parameters: Parameters) -> dict[tuple[str, int], float]:
    """The impact of every term and row, 0 … 255, by the formula and without numpy."""
    fields = [[ANALYZER.terms(text) for text in texts] for texts in items]
    mean = [sum(len(one[field]) for one in fields) / len(items) for field in range(len(FIELDS))]
    weighted: dict[tuple[str, int], float] = {}
    for row, texts in enumerate(fields):
        for field, positions in enumerate(texts):
            b = parameters.b[field]
            norm = 1 - b + b * len(positions) / (mean[field] or 1)
            for position in positions:
                for term in position:
                    key = (term, row)
                    weighted[key] = weighted.get(key, 0.0) + parameters.weights[field] / norm
    return {key: 255 * value / (parameters.k1 + value) for key, value in weighted.items()}


def plain_idf(items: int, df: int) -> float:
    return math.log(1 + (items - df + 0.5) / (df + 0.5))
