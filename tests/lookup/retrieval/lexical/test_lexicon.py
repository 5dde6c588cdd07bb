"""Terms and words as written."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.retrieval.lexical import lexicon as module
from lookup.retrieval.lexical.index import WordIndex
from lookup.retrieval.lexical.lexicon import Lexicon
from tests.lookup.retrieval.lexical.made import ANALYZER, SOME, WORDS, index_of, many_items, titled

SHOP = Lexicon(index_of(titled(["Blue speakers", "blue speaker", "blues speaker Ölfarbe", "中文 blumen TN-2110"])))


@SOME
@given(many_items, st.sampled_from(["", "b", "bl", "blue", "bluera", "u", "zz", "blue7x"]), st.integers(0, 9))
def test_completions_are_the_most_frequent_words_of_a_prefix(items: list[tuple[str, ...]], prefix: str, n: int) -> None:
    lexicon = Lexicon(index_of(items))
    times = Counter(token.text for texts in items for text in texts for token in ANALYZER.tokens(text))
    expected = sorted((-count, word.encode()) for word, count in times.items() if word.startswith(prefix))[:n]
    found = lexicon.completions(prefix, n)
    assert [(-one.times, one.surface.encode()) for one in found] == expected
    assert all(lexicon.term(one.term) == ANALYZER.terms(one.surface)[0][0] for one in found)


def test_a_word_as_written_leads_to_its_term() -> None:
    assert SHOP.term(SHOP.surface(SHOP.spelt("speakers")).term) == "speaker"
    assert SHOP.surface(SHOP.spelt("speaker")).times == 2
    assert SHOP.spelt("speak") == -1
    assert SHOP.spelt("zzz") == -1
    assert SHOP.spelt("\ud800") == -1
    assert [SHOP.surface(place).surface for place in range(*SHOP.range("blu"))] == ["blue", "blues", "blumen"]
    assert [one.surface for one in SHOP.completions("ol", 3)] == ["olfarbe"]
    assert [one.surface for one in SHOP.completions("中", 3)] == ["中文"]
    assert SHOP.range("\ud800")[0] <= SHOP.surfaces()
    assert SHOP.surfaces() == 9


def test_terms_are_found_and_unknown_ones_are_not() -> None:
    assert [SHOP.term(row) for row in range(len(SHOP)) if SHOP.find(SHOP.term(row)) != row] == []
    assert SHOP.find("nowhere") == SHOP.find("\ud800") == SHOP.find("") == -1


def test_the_memory_of_terms_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED", 3)
    lexicon = Lexicon(index_of(titled(WORDS)))
    for word in WORDS * 2:
        assert lexicon.find(ANALYZER.terms(word)[0][0]) >= 0
        assert len(lexicon._known) <= 3


def test_slots_leave_unknown_terms_out() -> None:
    index = WordIndex(index_of(titled(["blue car"])))
    blue = index.lexicon.find("blue")
    assert index.slots([[("blue", 1.0), ("nowhere", 0.5)], [("nowhere", 1.0)]]) == [[(blue, 1.0)], []]
