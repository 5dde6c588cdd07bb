"""Which pairs are learned from: bounds, no row that is missing, and the items among which they are looked for."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.models.text_encoder_training.pairs import LOG, TOGETHER, Pair
from jobs.models.text_encoder_training.sources import (
    FORMS,
    catalogue,
    is_enough,
    log_pairs,
    one_way,
    renumbered,
    title_pairs,
    together_pairs,
)


def test_of_a_log_what_weighs_most() -> None:
    clicks = [("lamp", 1, 1.0), ("rug", 2, 9.0), ("  ", 3, 99.0), ("lamp", 4, 4.0)]
    assert log_pairs(clicks, 2) == [Pair("rug", 2, LOG), Pair("lamp", 4, LOG)]
    assert not is_enough(log_pairs(clicks, 3))


def test_what_is_bought_together_asks_by_its_title() -> None:
    together = [(0, 1), (1, 0), (0, 0), (2, 1), (0, 2)]
    titles = ["sofa", "lamp", ""]
    assert together_pairs(together, titles, 9) == [
        Pair("sofa", 1, TOGETHER, 0),
        Pair("lamp", 0, TOGETHER, 1),
        Pair("sofa", 2, TOGETHER, 0),
    ]
    assert len(together_pairs(together, titles, 1)) == 1


@given(st.lists(st.lists(st.sampled_from(["red", "sofa", "mouse"]), max_size=4), max_size=30), st.integers(0, 40))
def test_titles_are_made_worse_within_the_bound(titles: list[list[str]], most: int) -> None:
    pairs = title_pairs(titles, most, seed=1)
    assert len(pairs) == len(set(pairs)) <= most
    assert all(titles[pair.item] for pair in pairs)
    assert all(sum(pair.item == row for pair in pairs) <= FORMS for row in range(len(titles)))


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(-1, 19)), max_size=8), st.integers(0, 30))
def test_the_catalogue_holds_every_row_of_a_pair(rows: list[tuple[int, int]], most: int) -> None:
    pairs = [Pair("x", item, TOGETHER, own) for item, own in rows]
    found = catalogue(pairs, 20, most, seed=2)
    needed = {row for pair in rows for row in pair if row >= 0}
    assert needed <= set(found)
    assert len(found) == max(len(needed), min(most, 20))
    again = [(found[pair.item], found[pair.own] if pair.own >= 0 else -1) for pair in renumbered(pairs, found)]
    assert again == rows


def test_a_synonym_of_a_word_is_one_way() -> None:
    assert one_way([("sofa", "couch"), ("sofa", "day bed")]) == {"sofa": ["couch", "day bed"]}
