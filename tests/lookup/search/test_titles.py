"""What of a query stands in a title, beside the same written out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.search.titles import FAR, Titles

TERM = st.integers(0, 3)
TITLE = st.lists(TERM, max_size=FAR + 4)


def arrays(titles: list[list[int]]) -> dict[str, np.ndarray]:
    starts = np.concatenate([[0], np.cumsum([len(one) for one in titles], dtype=np.int64)]).astype(np.int64)
    return {"title_starts": starts, "title_terms": np.array([term for one in titles for term in one], np.int32)}


def by_hand(title: list[int], main: list[int]) -> tuple[float, float, float, float]:
    """Phrase, early, exact and brief."""
    places = [place for place, term in enumerate(title) if term in main]
    phrase = any(title[at : at + len(main)] == main for at in range(len(title))) and bool(main)
    early = max((1 - min(place, FAR) / FAR for place in places), default=0.0)
    return float(phrase), early, float(phrase and title == main), (1 / (1 + len(title) - len(places))) ** 0.5


@given(
    titles=st.lists(TITLE, min_size=1, max_size=6),
    added=st.lists(TITLE, max_size=3),
    main=st.lists(st.integers(-1, 3), max_size=3),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_facts_are_those_of_each_title(titles, added, main, data):
    everything = titles + added
    rows = data.draw(st.lists(st.integers(0, len(everything) - 1), unique=True, max_size=len(everything)))
    found = Titles(arrays(titles), added).facts(np.array(rows, np.int32), tuple(main))
    assert all(one.dtype == np.float32 and one.shape == (len(rows),) for one in found)
    expected = [by_hand(everything[row], main) for row in rows]
    np.testing.assert_allclose(np.transpose(found), np.reshape(expected, (len(rows), 4)), rtol=1e-6)


def test_a_phrase_does_not_go_on_in_the_next_title():
    found = Titles(arrays([[1, 2], [3, 1]])).facts(np.array([0, 1], np.int32), (2, 3))
    assert found.phrase.tolist() == [0, 0]
