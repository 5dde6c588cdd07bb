"""What of a query stands in a title, beside the same written out."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.search.titles import FAR, Titles, head_end
from lookup.text.analyzer import Analyzer

TERM = st.integers(0, 3)
TITLE = st.lists(TERM, max_size=FAR + 4)


def arrays(titles: list[list[int]]) -> dict[str, np.ndarray]:
    starts = np.concatenate([[0], np.cumsum([len(one) for one in titles], dtype=np.int64)]).astype(np.int64)
    return {
        "title_starts": starts,
        "title_terms": np.array([term for one in titles for term in one], np.int32),
        "title_head": np.array([one[0] if one else -1 for one in titles], np.int32),
    }


def by_hand(title: list[int], main: list[int], *, added: bool) -> tuple[float, ...]:
    """Phrase, early, exact, brief, pairs and head, where the first term of a title is its head."""
    places = [place for place, term in enumerate(title) if term in main]
    phrase = any(title[at : at + len(main)] == main for at in range(len(title))) and bool(main)
    early = max((1 - min(place, FAR) / FAR for place in places), default=0.0)
    beside = set(pairwise(title))
    pairs = [both in beside for both in pairwise(main)]
    head = not added and title[:1] == main[-1:] != []
    brief = (1 / (1 + len(title) - len(places))) ** 0.5
    return float(phrase), early, float(phrase and title == main), brief, float(np.mean(pairs or [0])), float(head)


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
    expected = [by_hand(everything[row], main, added=row >= len(titles)) for row in rows]
    np.testing.assert_allclose(np.transpose(found), np.reshape(expected, (len(rows), 6)), rtol=1e-6)


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Acme leather case for cameras, black", "Acme leather case"),
        ("Sony PS4 Video Game Console - Black", "Sony PS4 Video Game Console"),
        ("Micro-SD card (16 GB)", "Micro-SD card"),
        ("For you", "For you"),
        ("- Lamp", "- Lamp"),
        ("Etui für Kamera", "Etui"),
        ("desk lamp", "desk lamp"),
        ("!?", ""),
    ],
)
def test_what_a_title_names(title, named):
    assert head_end(title, Analyzer()) == len(Analyzer().tokens(named))


def test_a_phrase_does_not_go_on_in_the_next_title():
    found = Titles(arrays([[1, 2], [3, 1]])).facts(np.array([0, 1], np.int32), (2, 3))
    assert found.phrase.tolist() == [0, 0]
