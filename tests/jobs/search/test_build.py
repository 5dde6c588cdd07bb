"""The search index is whole, and answers, for shops of every small kind."""

import numpy as np
import pytest

from jobs.search.build import build_search, less_popular
from lookup.search import stated
from lookup.search.index import SearchIndex
from lookup.search.searcher import Searcher
from tests.lookup.search.indexes import TITLES, ItemsNow, table

SHOPS = {
    "some": TITLES,
    "one item": ("Bluetooth speaker",),
    "one word": ("speaker", "", ""),
    "no text": ("", "", ""),
    "three equal titles": ("Speaker",) * 3,
    "no letters": ("!?", "…", "-"),
    "other scripts": ("蓝牙音箱", "無線スピーカー", "Беспроводная колонка"),
}


@pytest.mark.parametrize("encoded", [True, False], ids=["meaning", "words alone"])
@pytest.mark.parametrize("titles", SHOPS.values(), ids=SHOPS)
def test_every_array_is_there_and_every_title_finds_its_item(titles, encoded):
    arrays, facts = build_search(table(titles, encoded=encoded))
    stated.check(arrays, len(titles))
    index = SearchIndex(arrays, facts, len(titles))
    searcher = Searcher(index, ItemsNow(len(titles)))
    for row, title in enumerate(titles):
        asked = index.asked(title)
        if asked.positions:
            assert row in searcher.matches(asked.needed())
            assert row in searcher.candidates(asked)
        scores = index.ranker.scores(searcher.features(asked, np.arange(len(titles), dtype=np.int32)))
        assert np.isfinite(scores).all()
        assert index.suggester.suggest(title, 3) is not None


def test_equal_titles_share_their_terms_and_scores():
    arrays, facts = build_search(table(SHOPS["three equal titles"]))
    assert arrays["title_starts"].tolist() == [0, 1, 2, 3]
    assert len(set(arrays["title_terms"].tolist())) == 1
    index = SearchIndex(arrays, facts, 3)
    found = Searcher(index, ItemsNow(3)).matched(index.asked("speaker"), np.arange(3, dtype=np.int32))
    assert len(set(found.words.tolist())) == 1


def test_the_same_shop_has_the_same_index():
    first, again = (build_search(table())[0] for _ in range(2))
    assert first.keys() == again.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


def test_popularity_is_the_share_of_the_less_popular():
    assert less_popular(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [0.5, 0, 0.5, 0.25]
    assert less_popular(np.zeros(0)).tolist() == []
