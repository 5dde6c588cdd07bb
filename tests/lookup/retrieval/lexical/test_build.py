"""The arrays of an index: what they hold, and that the formula is the one that is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.retrieval.lexical.build import CHAMPIONS, Parameters, build
from lookup.retrieval.lexical.counts import FIELDS, MOST_TIMES, count
from lookup.retrieval.lexical.index import WordIndex
from lookup.text.analyzer import Analyzer
from tests.lookup.retrieval.lexical.made import (
    ANALYZER,
    SOME,
    index_of,
    made_titles,
    many_items,
    plain_idf,
    plain_impacts,
    titled,
)

PARAMETERS = Parameters(0.9, (0.6, 0.1, 0.3, 0.75, 1.0), (2.0, 1.0, 0.5, 0.7, 0.3))


@SOME
@given(many_items, st.sampled_from([Parameters(), PARAMETERS]))
def test_impacts_idf_and_fields_are_those_of_the_formula(items: list[tuple[str, ...]], parameters: Parameters) -> None:
    index = WordIndex(arrays := index_of(items, parameters))
    expected = plain_impacts(items, parameters) if items else {}
    found = {}
    for term in range(len(index.lexicon)):
        name = index.lexicon.term(term)
        part = slice(int(arrays["term_starts"][term]), int(arrays["term_starts"][term + 1]))
        rows = arrays["term_docs"][part].tolist()
        assert rows == sorted(set(rows))
        assert arrays["term_idf"][term] == pytest.approx(plain_idf(len(items), len(rows)), rel=1e-6)
        assert arrays["term_best"][term] == arrays["term_impact"][part].max()
        for row, impact, bits in zip(rows, arrays["term_impact"][part], arrays["term_fields"][part], strict=True):
            found[name, row] = impact
            held = [any(name in position for position in ANALYZER.terms(text)) for text in items[row]]
            assert [bool(bits >> field & 1) for field in range(len(FIELDS))] == held
    assert found.keys() == expected.keys()
    assert all(abs(int(found[key]) - expected[key]) < 0.51 for key in expected)


@SOME
@given(many_items, st.integers(1, 50))
def test_parts_make_the_same_index_as_all_at_once(items: list[tuple[str, ...]], part: int) -> None:
    whole, parted = index_of(items), index_of(items, part=part)
    assert whole.keys() == parted.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, parted[name], err_msg=name, strict=True)


def test_compounds_stand_under_both_forms() -> None:
    analyzer = Analyzer(("english",), {"microsd": ("micro", "sd")})
    items = titled(["micro sd cards", "microSD card", "micro-sd card", "micro usb sd"])
    index = WordIndex(build([count(items, analyzer)]))
    joined = index.slots([[("microsd", 1.0)]])
    parts = index.slots([[("micro", 1.0)], [("sd", 1.0)]])
    assert index.postings.matches(joined).tolist() == [0, 1, 2]
    assert index.postings.matches(parts).tolist() == [0, 1, 2, 3]


def test_counts_are_those_of_the_terms_of_a_text() -> None:
    text = "Micro SD, micro-sd 16GB <b>16 gb</b> TN-2110 中文字 " * 3
    counted = count([(text, "", text, "", "")], ANALYZER, first=7)
    terms = [term for position in ANALYZER.terms(text) for term in position]
    assert sorted(counted.terms) == sorted(set(terms))
    for place, times in zip(counted.term, counted.times.tolist(), strict=True):
        assert times == [terms.count(counted.terms[place]), 0, terms.count(counted.terms[place]), 0, 0]
    assert set(counted.row.tolist()) == {7}
    assert counted.lengths.tolist() == [[len(ANALYZER.terms(text)), 0, len(ANALYZER.terms(text)), 0, 0]]
    assert counted.surfaces["16gb"] == ("16gb", 6)
    assert counted.surfaces["micro"] == ("micro", 12)


def test_a_term_counts_so_many_times_at_most() -> None:
    assert count(titled(["word " * 300]), ANALYZER).times.max() == MOST_TIMES


def test_champions_and_dense_rows_are_of_the_frequent_terms() -> None:
    arrays = index_of(titled(made_titles(3000, 300)))
    df = np.diff(arrays["term_starts"])
    assert len(arrays["champion_term"]) > 5
    assert (df[arrays["champion_term"]] > CHAMPIONS).all()
    for term, rows, impacts in zip(
        arrays["champion_term"], arrays["champion_row"], arrays["champion_impact"], strict=True
    ):
        part = slice(arrays["term_starts"][term], arrays["term_starts"][term + 1])
        held = sorted(zip((-arrays["term_impact"][part].astype(int)).tolist(), arrays["term_docs"][part], strict=True))
        assert [(-int(one), row) for one, row in zip(impacts, rows, strict=True)] == held[:CHAMPIONS]
    for term, row in zip(arrays["dense_term"], arrays["dense_impact"], strict=True):
        part = slice(arrays["term_starts"][term], arrays["term_starts"][term + 1])
        np.testing.assert_array_equal(np.flatnonzero(row), arrays["term_docs"][part])
        np.testing.assert_array_equal(row[row > 0], arrays["term_impact"][part])


def test_no_items_make_an_index_that_finds_nothing() -> None:
    index = WordIndex(build([]))
    assert index.slots([[("blue", 1.0)]]) == [[]]
    assert index.postings.top([[]], 5)[0].tolist() == []
    assert index.lexicon.completions("b", 5) == []


def test_wrong_input_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="an item has 2 texts, and the fields are title, brand"):
        count([("a", "b")], ANALYZER)
    with pytest.raises(ValueError, match="a part begins at row 5, and the rows before it end at 0"):
        build([count(titled(["a"]), ANALYZER, first=5)])
    with pytest.raises(ValueError, match="one for each field"):
        build([], Parameters(b=(0.5,)))
