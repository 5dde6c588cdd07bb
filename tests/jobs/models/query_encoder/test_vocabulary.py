"""Pseudo-queries and tokens of a small shop."""

from collections import Counter
from types import SimpleNamespace

from jobs.models.query_encoder.pseudo_queries import alone, runs
from jobs.models.query_encoder.vocabulary import choose_tokens, pieces_of

TITLES = [["red", "desk", "lamp"], ["red", "lamp"], ["desk", "lamp", "40"], ["lampshade", "40"], []]


def test_words_alone_are_the_frequent_ones_first() -> None:
    assert alone(TITLES) == ["lamp", "desk", "red"]
    assert alone(TITLES, least=1)[:3] == ["lamp", "desk", "red"]
    assert "40" in alone(TITLES * 5)


def test_runs_are_words_of_one_title_in_order() -> None:
    found = runs(TITLES, 200, seed=1)
    assert found == runs(TITLES, 200, seed=1)
    assert len(found) == len(set(found))
    assert {"red lamp", "desk lamp", "red desk lamp", "lampshade"} <= set(found)  # "red lamp" also leaves out "desk"
    for run in found:
        words = run.split()
        assert 1 <= len(words) <= 4
        # Each word is looked for after the one before.
        assert any(all(word in rest for word in words) for rest in [iter(title) for title in TITLES])
    assert runs(TITLES, 3, seed=1) == found[:3]
    assert runs([[]], 10, seed=0) == []


def test_tokens_are_frequent_words_and_pairs_and_pieces_for_the_others() -> None:
    pieces = ["lamp", "##shade", "##lamp", "sofa"]
    found = choose_tokens(TITLES, pieces, least=2, least_pairs=2)
    assert found == sorted(found)
    assert Counter(found).most_common(1)[0][1] == 1
    assert {"red", "desk", "lamp", "40", "##shade", "desk lamp"} <= set(found)
    assert not {"lampshade", "##lamp", "sofa", "red desk"} & set(found)
    assert {"z", "##z", "0", "##0"} <= set(found)


def test_pieces_are_those_of_a_tokenizer_that_marks_them_alike() -> None:
    def tokenizer(*words: str) -> SimpleNamespace:
        return SimpleNamespace(get_vocab=lambda: dict.fromkeys(words, 0), all_special_tokens=["[CLS]"])

    assert pieces_of(tokenizer("[CLS]", "lamp", "##s")) == ["##s", "lamp"]
    assert pieces_of(tokenizer("[CLS]", "lamp", "▁s")) == []
