"""Items that are added one after another are searched as if they had come together."""

from pathlib import Path

import numpy as np
import pytest

from lookup.search.added import AddedItems
from lookup.search.index import SearchIndex
from tests.searchable import SHOP, make_searchable

TEXTS = [(f"{colour} speaker number {n}", "Acme", "", "", "") for n in range(12) for colour in ("red", "blue", "green")]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    base: Path = tmp_path_factory.mktemp("added")
    opened = SearchIndex.open(base / "releases" / make_searchable(base), len(SHOP))
    assert opened is not None
    return opened


def test_items_added_one_by_one_are_found_as_all_at_once(index: SearchIndex) -> None:
    whole, grown = AddedItems(index, TEXTS), AddedItems(index, [])
    for n in range(1, len(TEXTS) + 1):
        grown = AddedItems(index, TEXTS[:n], grown)
    assert 1 < len(grown.parts) <= 6
    firsts = [part.postings.first for part in grown.parts]
    sizes = [part.postings.items for part in grown.parts]
    assert firsts == [len(SHOP) + sum(sizes[:place]) for place in range(len(sizes))]
    assert sum(sizes) == len(TEXTS)
    for query in ("red speaker", "number 7", "acme", "nothing"):
        asked = index.asked(query)
        slots = [part.slots(asked.positions) for part in (*whole.parts, *grown.parts)]
        rows = whole.parts[0].postings.matches(slots[0])
        found = [part.postings.matches(one) for part, one in zip(grown.parts, slots[1:], strict=True)]
        assert np.concatenate(found).tolist() == rows.tolist()
        facts, others = (one.titles.facts(rows, asked.main) for one in (whole, grown))
        assert all(np.array_equal(one, other) for one, other in zip(facts, others, strict=True))
    assert np.array_equal(whole.vectors, grown.vectors)


def test_a_changed_text_is_indexed_anew(index: SearchIndex) -> None:
    before = AddedItems(index, TEXTS)
    after = AddedItems(index, [("Turntable", "", "", "", ""), *TEXTS[1:]], before)
    slots = after.parts[0].slots(index.asked("turntable").positions)
    assert after.parts[0].postings.matches(slots).tolist() == [len(SHOP)]
    assert len(before.parts) == len(after.parts) == 1
