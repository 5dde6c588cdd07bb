"""Candidates, matches and features of a few titles, and of items added since."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.search.build import TITLE_ARRAYS, build_search
from lookup.search.index import SearchIndex
from lookup.search.ranker import NAMES
from lookup.search.searcher import Searcher
from tests.lookup.search.indexes import TITLES, ItemsNow, index_of, table

ADDED = [("Turntable with radio", "Zenith", "Audio", "", ""), ("Headphones radio", "Nova", "", "black", "")]
INDEX = index_of()
N = len(TITLES)


def searcher(added=(), before=None, index=INDEX) -> Searcher:
    return Searcher(index, ItemsNow(len(TITLES) + len(added)), added, before)


def matches(one: Searcher, query: str) -> list[int]:
    return one.matches(one.index.asked(query).needed()).tolist()


def column(one: Searcher, query: str, name: str, rows=None) -> list[float]:
    found = one.features(one.index.asked(query), np.arange(N) if rows is None else np.array(rows, np.int32))
    return found[:, NAMES.index(name)].tolist()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("speaker", [0, 1, 3]),
        ("radio speakers", [1]),
        ("acme radio", [2]),
        ("audio", [0, 1, 2, 3, 4, 5]),
        ("cable headphones", [5]),
        ("head", [4, 5]),
        ("", []),
        ("turntable", []),
    ],
)
def test_matches_hold_every_word(query, rows):
    assert matches(searcher(), query) == rows


def test_added_items_are_found_after_those_of_the_release():
    one = searcher(ADDED)
    assert matches(one, "turntables") == [N]
    assert matches(one, "radio") == [1, 2, N, N + 1]
    assert matches(one, "nova black") == [N + 1]
    assert N in one.candidates(INDEX.asked("turntable"))
    assert N in one.candidates(INDEX.asked("headphones")), "its words do not say so, its meaning does"
    assert column(one, "headphones radio", "exact", [4, N + 1]) == [0, 1]
    assert column(one, "radio", "meaning", [2, N, N + 1]) == pytest.approx([1, 1, 0.949], abs=0.02)
    assert column(one, "audio", "popular", [N - 1, N]) == pytest.approx([5 / 6, 0])
    assert column(one, "audio", "new", [N - 2, N - 1, N]) == pytest.approx([4 / 5, 1, 1])


def test_work_on_added_items_serves_again():
    first = searcher(ADDED)
    again, anew = searcher(ADDED, first), searcher(ADDED)
    assert again.parts == first.parts
    rows = np.arange(N + 2, dtype=np.int32)
    for query in ("radio", "turntable black", "headphones nova", ""):
        asked = INDEX.asked(query)
        assert again.candidates(asked).tolist() == anew.candidates(asked).tolist()
        np.testing.assert_array_equal(again.features(asked, rows), anew.features(asked, rows))


def test_other_added_items_are_not_those_of_before():
    before = searcher(ADDED)
    assert matches(searcher(ADDED[:1], before), "black") == []
    assert matches(searcher(ADDED[::-1], before), "turntable") == [N + 1]
    assert matches(searcher((), before), "turntable") == []
    assert matches(searcher(ADDED, before, index_of(TITLES)), "turntable") == [N]


def test_meaning_brings_in_what_words_do_not():
    one = searcher()
    asked = INDEX.asked("speaker")
    found = one.candidates(asked).tolist()
    assert {2, 4} <= set(found)
    assert column(one, "speaker", "meaning")[:5] == pytest.approx([1, 0.894, 0.6, 1, 0], abs=0.02)
    without = searcher(index=index_of(encoded=False))
    assert without.candidates(without.index.asked("speaker")).tolist() == [0, 1, 3]
    assert not any(column(without, "speaker", "meaning"))
    assert not any(column(without, "speaker", "alike"))


def test_a_title_is_read_as_a_query_whatever_the_whole_text_means(monkeypatch):
    monkeypatch.setattr("jobs.ranking.text_index.LARGEST_SCAN", 2)  # lists of their own order, as of many items
    made = table()
    assert made.vectors is not None
    arrays, facts = build_search(replace(made, vectors=np.roll(made.vectors, 1, axis=1)))
    titles = [1, 0.894, 0.6, 1, 0, 0]
    one = searcher(ADDED, index=SearchIndex(arrays, facts, N))
    assert column(one, "speaker", "title_meaning") == pytest.approx(titles, abs=0.02)
    assert column(one, "speaker", "meaning") == pytest.approx([0, 0.447, 0.8, 0, 1, 1], abs=0.02)
    for name in ("meaning", "title_meaning"):
        assert column(one, "radio", name, [N, N + 1]) == pytest.approx([1, 0.949], abs=0.02)
    retold = Searcher(one.index, ItemsNow(N), retold={4: ADDED[1]})
    assert column(retold, "radio", "title_meaning", [2, 4, 5]) == pytest.approx([1, 0.949, 0.8], abs=0.02)


def test_an_index_of_before_takes_the_whole_text_for_the_title():
    before = {name: array for name, array in INDEX.arrays.items() if name not in TITLE_ARRAYS}
    one = searcher(ADDED, index=SearchIndex(before, INDEX.facts, N))
    rows = [*range(N), N, N + 1]
    assert column(one, "radio", "title_meaning", rows) == column(one, "radio", "meaning", rows)


def test_features_say_what_they_are_called():
    one = searcher()
    assert column(one, "bluetooth speaker", "exact") == [1, 0, 0, 0, 0, 0]
    assert column(one, "bluetooth speaker", "phrase") == [1, 1, 0, 0, 0, 0]
    assert column(one, "bluetooth speaker", "whole") == [1, 1, 0, 0, 0, 0]
    assert column(one, "acme", "brand_words") == pytest.approx([1, 0, 1, 0, 1, 0])
    assert column(one, "audio", "category_words") == pytest.approx([1] * 6)
    assert column(one, "audio", "popular") == pytest.approx(np.arange(6) / 6)
    assert column(one, "audio", "new") == pytest.approx(np.arange(6) / 5)
    assert max(column(one, "bluetooth speaker", "words")) <= 1
    assert one.features(INDEX.asked("radio"), np.zeros(0, np.int32)).shape == (0, len(NAMES))
    user = np.arange(N, dtype=np.float32)
    found = one.features(INDEX.asked("radio"), np.arange(N), user)[:, NAMES.index("user")]
    assert found.tolist() == sorted(found.tolist())
    assert found.mean() == pytest.approx(0, abs=1e-6)


def test_unknown_words_are_given_up_first_and_then_frequent_ones():
    asked = INDEX.asked("zzqq audio radio turntable", ["spelling"])
    assert [asked.words[place] for place in searcher().given_up(asked)] == [*("turntable", "zzqq", "audio", "radio")]


def test_the_name_of_a_brand_alone_points_nowhere():
    """Items of the brand "Speaker" are alike for its name, but not for "speaker radio"."""
    made = table()
    named = replace(made, understood=replace(made.understood, brands=["Speaker", "Zenith"]))
    arrays, facts = build_search(named)
    one = searcher(index=SearchIndex(arrays, facts, len(TITLES)))
    for name in ("meaning", "title_meaning", "alike"):
        assert not any(column(one, "speaker", name))
        assert any(column(one, "speaker radio", name))
    assert any(column(one, "speaker", "words"))
