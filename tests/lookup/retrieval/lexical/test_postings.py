"""Searching: the same as a plain search over a dict, for any index and any query."""

from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.retrieval.lexical import postings as module
from lookup.retrieval.lexical.build import Arrays
from lookup.retrieval.lexical.counts import FIELDS
from lookup.retrieval.lexical.index import WordIndex, merged
from lookup.retrieval.lexical.postings import Postings
from lookup.retrieval.lexical.slots import LARGEST, Slot, factor
from tests.lookup.retrieval.lexical.made import (
    ANALYZER,
    SOME,
    index_of,
    made_titles,
    many_items,
    plain_scores,
    plain_top,
    titled,
)

LARGE = index_of(titled(made_titles(4000, 400)))
"""Large enough for lists of best items and rows over all items."""
weights = st.sampled_from([1.0, 0.7, 0.25, 3.0])


def any_slots(terms: int) -> st.SearchStrategy[list[Slot]]:
    one = st.tuples(st.integers(-1, terms - 1), weights)
    return st.lists(st.lists(one, max_size=4), max_size=6)


def assert_exact(arrays: Arrays, searched: Postings, slots: Sequence[Slot], n: int) -> None:
    known = [[one for one in slot if one[0] >= 0] for slot in slots]
    rows, scores = searched.top(slots, n)
    assert (rows.dtype, scores.dtype) == (np.int32, np.float32)
    assert list(zip(rows.tolist(), scores, strict=True)) == plain_top(arrays, known, n)
    plain = [plain_scores(arrays, [slot]) for slot in known]
    every = np.arange(searched.items)
    held = [sum(row in one for one in plain) for row in every.tolist()]
    assert searched.matches(slots).tolist() == [r for r in every.tolist() if slots and held[r] == len(slots)]
    for least in (1, 2):
        assert searched.matches(slots, least).tolist() == [row for row in every.tolist() if held[row] >= least]
    np.testing.assert_array_equal(searched.scores_of(rows, slots), scores)


@SOME
@given(st.data(), many_items, st.integers(0, 50))
def test_a_small_index_is_searched_exactly(data: st.DataObject, items: list[tuple[str, ...]], n: int) -> None:
    arrays = index_of(items)
    slots = data.draw(any_slots(len(arrays["term_idf"]))) if len(arrays["term_idf"]) else [[(-1, 1.0)]]
    assert_exact(arrays, Postings(arrays), slots, n)


@pytest.mark.parametrize("n", [1, 10, 100, 300, 5000])
def test_a_large_index_is_searched_exactly(n: int) -> None:
    """One object all the time, so that what it keeps of frequent words is used as well."""
    searched, rng = Postings(LARGE), np.random.default_rng(n)
    df = np.diff(LARGE["term_starts"])
    for _ in range(40):
        drawn = rng.choice(len(df), size=(rng.integers(1, 5), rng.integers(1, 3)), p=df / df.sum())
        slots = [[(int(term), float(rng.choice([1.0, 1.0, 0.5]))) for term in slot] for slot in drawn]
        assert_exact(LARGE, searched, slots, n)
    assert searched._kept


def test_ties_are_in_the_order_of_rows() -> None:
    index = WordIndex(index_of(titled(["blue car", "red car"] * 500)))
    rows, scores = index.postings.top(index.slots([[("blue", 1.0)], [("car", 1.0)]]), 7)
    assert rows.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert len(set(scores.tolist())) == 1
    assert index.postings.top(index.slots([[("car", 1.0)]]), 7)[0].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_a_slot_counts_its_best_alternative_once() -> None:
    index = WordIndex(index_of(titled(["blue azure sky", "azure sky", "blue sky", "sky"])))
    both = index.slots([[("blue", 1.0), ("azur", 0.5)]])
    rows, scores = index.postings.top(both, 9)
    blue, azure = index.postings.top([[both[0][0]]], 9), index.postings.top([[both[0][1]]], 9)
    assert rows.tolist() == [2, 0, 1]
    assert scores.tolist() == [blue[1][0], blue[1][1], azure[1][0]]


def test_held_is_the_share_of_the_query_in_each_field() -> None:
    index = WordIndex(
        index_of([("blue car", "acme", "", "", ""), ("car", "", "", "blue", "a car"), ("x", "", "", "", "")])
    )
    slots = index.slots([[("blue", 1.0)], [("acm", 1.0)], [("nowhere", 1.0)]])
    blue, acme = (factor(index.postings.idf(slot[0][0]), 1.0) for slot in slots[:2])
    expected = np.zeros((3, len(FIELDS)), np.float32)
    expected[0, 0] = expected[1, 3] = blue / (blue + acme)
    expected[0, 1] = acme / (blue + acme)
    np.testing.assert_allclose(index.postings.held(np.arange(3), slots), expected, rtol=1e-6)
    assert index.postings.held(np.arange(3), []).tolist() == np.zeros((3, len(FIELDS))).tolist()


@SOME
@given(many_items.filter(bool), st.integers(0, 39))
def test_added_items_score_as_they_would_in_the_index(items: list[tuple[str, ...]], place: int) -> None:
    """An item of the index that is added once more has the same scores again."""
    whole = WordIndex(index_of(items))
    row = place % len(items)
    added = whole.added([items[row]], ANALYZER)
    terms = [[(term, 1.0)] for text in items[row] for position in ANALYZER.terms(text) for term in position]
    one, two = whole.slots(terms[:10]), added.slots(terms[:10])
    assert added.postings.scores_of(np.array([len(items)]), two) == pytest.approx(
        whole.postings.scores_of(np.array([row]), one), rel=1e-6
    )
    rows, _ = added.postings.top(two, 5)
    assert rows.tolist() == ([len(items)] if terms else [])


def test_added_items_are_found_beside_the_others() -> None:
    whole = WordIndex(index_of(titled(["blue car", "red car", "green car"])))
    added = whole.added(titled(["blue bike", "zebra"]), ANALYZER)
    blue, zebra = [[("blue", 1.0)]], [[("zebra", 1.0)]]
    both = merged([one.postings.top(one.slots(blue), 5) for one in (whole, added)], 5)
    assert both[0].tolist() == [0, 3]
    assert added.postings.top(added.slots(zebra), 5)[0].tolist() == [4]
    assert added.postings.matches(added.slots(zebra)).tolist() == [4]
    assert added.postings.held(np.array([4]), added.slots(zebra))[0, 0] == 1.0
    assert merged([], 5)[0].tolist() == []
    assert merged([both], 1)[0].tolist() == [0]


def test_mapped_arrays_give_the_same(tmp_path: Path) -> None:
    for name, array in LARGE.items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in LARGE}
    slots = [[(5, 1.0)], [(40, 1.0), (60, 0.5)]]
    for one, two in zip(Postings(LARGE).top(slots, 20), Postings(mapped).top(slots, 20), strict=True):
        np.testing.assert_array_equal(one, two)


def test_threads_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """While what is kept of frequent words is made and dropped all the time."""
    monkeypatch.setattr(module, "DENSE_BYTES", 5 * 4000)
    monkeypatch.setattr(module, "MISSED", 3)
    monkeypatch.setattr(module, "CACHED", 20)
    searched, rng = Postings(LARGE), np.random.default_rng(3)
    queries = [[[(int(term), 1.0)] for term in rng.integers(0, 60, 3)] for _ in range(60)]
    alone = [Postings(LARGE).top(slots, 10)[0].tolist() for slots in queries]
    wrong: list[object] = []

    def work() -> None:
        for _ in range(5):
            for slots, rows in zip(queries, alone, strict=True):
                try:
                    wrong.extend([slots] * (searched.top(slots, 10)[0].tolist() != rows))
                except Exception as error:
                    wrong.append(error)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(searched._kept) <= 5
    assert len(searched._known) <= 20


def test_a_score_of_any_weight_is_a_whole_number_of_32_bits() -> None:
    assert factor(14.0, 1e9) == LARGEST
    assert factor(14.0, 0.0) == 1
    assert 64 * 255 * LARGEST < 2**31
