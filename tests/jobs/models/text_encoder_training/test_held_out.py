"""What a model is measured on: queries that stay apart, ranks without the item that asks, intervals of each source."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.models.text_encoder_training.held_out import EVERY, Change, better, changes, reciprocal_ranks, split
from jobs.models.text_encoder_training.pairs import LOG, TITLES, TOGETHER, Pair


class Fixed:
    """An encoder whose vectors are given."""

    def __init__(self, vectors: dict[str, list[float]]):
        self.vectors = vectors

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.array([self.vectors[text] for text in texts], np.float32)


@given(st.sets(st.text(max_size=8), min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_a_query_is_on_one_side_whatever_else_is_asked(queries: set[str], share: float) -> None:
    pairs = [Pair(query, row) for row, query in enumerate(sorted(queries))]
    taught, apart = split(pairs, share)
    assert taught
    assert apart
    assert sorted([*taught, *apart]) == sorted(pairs)
    more = [*pairs, Pair("a query that came later", 0)]
    held = {pair.query for pair in split(more, share)[1]}
    stays = {pair.query for pair in apart if zlib.crc32(pair.query.encode()) < share * 2**32}
    assert stays <= held or len(held) == 1


def test_the_item_that_asks_is_no_answer() -> None:
    items = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)
    encoder = Fixed({"sofa": [1, 0]})
    pairs = [Pair("sofa", 1), Pair("sofa", 1, TOGETHER, own=0), Pair("sofa", 2, TOGETHER, own=0)]
    assert reciprocal_ranks(encoder, items, pairs).tolist() == [1 / 2, 1, 1 / 2]


def test_a_query_with_many_items_counts_once() -> None:
    pairs = [*(Pair("lamp", row, LOG) for row in range(9)), Pair("rug", 0, LOG), Pair("cup", 0, TITLES)]
    after = np.array([1.0] * 9 + [0.0, 0.5])
    found = {change.source: change for change in changes(pairs, np.zeros(11), after)}
    assert found[EVERY].queries == 3
    assert found[EVERY].after == pytest.approx(0.5)
    assert found[LOG].after == pytest.approx(0.5)
    gains = np.array([1.0, 0.0, 0.5])
    assert found[EVERY].low == pytest.approx(0.5 - 1.96 * gains.std(ddof=1) / 3**0.5)
    assert found[EVERY].high == 1
    assert (found[TITLES].low, found[TITLES].high) == (-1, 1)  # one query tells nothing


def test_better_means_better_for_certain_and_worse_nowhere() -> None:
    def change(source: str, low: float, high: float) -> Change:
        return Change(source, 10, 0.5, 0.5, low, high)

    assert better([change(EVERY, 0.1, 0.2), change(LOG, -0.1, 0.3)])
    assert not better([change(EVERY, -0.1, 0.2), change(LOG, 0.1, 0.3)])
    assert not better([change(EVERY, 0.1, 0.2), change(LOG, -0.2, -0.1), change(TITLES, 0.3, 0.4)])
