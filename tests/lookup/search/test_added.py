"""Items that are added one after another are searched as if they had come together."""

from pathlib import Path

import numpy as np
import pytest

from lookup.search.added import AddedItems
from lookup.search.index import SearchIndex
from tests.searchable import SHOP, make_searchable

TEXTS = [(f"{colour} speaker number {n}", "Acme", "", "", "") for n in range(12) for colour in ("red", "blue", "green")]


def rows_of(texts: list[tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    return dict(enumerate(texts, len(SHOP)))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    base: Path = tmp_path_factory.mktemp("added")
    opened = SearchIndex.open(base / "releases" / make_searchable(base), len(SHOP))
    assert opened is not None
    return opened


def test_items_added_one_by_one_are_found_as_all_at_once(index: SearchIndex) -> None:
    whole, grown = AddedItems(index, rows_of(TEXTS)), AddedItems(index, {})
    for n in range(1, len(TEXTS) + 1):
        grown = AddedItems(index, rows_of(TEXTS[:n]), grown)
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


def test_a_changed_text_gets_an_entry_of_its_own_and_the_others_stay(index: SearchIndex) -> None:
    before = AddedItems(index, rows_of(TEXTS))
    after = AddedItems(index, rows_of([("Turntable", "", "", "", ""), *TEXTS[1:]]) | {3: TEXTS[0]}, before)
    assert [part.postings.items for part in after.parts] == [len(TEXTS), 2]
    assert after.parts[0] is before.parts[0]
    turntable, red = (
        np.concatenate([part.postings.matches(part.slots(asked.positions)) for part in after.parts])
        for asked in (index.asked(query, ["spelling"]) for query in ("turntable", "red number 0"))
    )
    assert after.rows(turntable).tolist() == [len(SHOP)]
    assert after.rows(red).tolist() == [3]
    rows = np.arange(len(SHOP) + len(TEXTS), dtype=np.int32)
    assert after.rows(after.places(rows)).tolist() == rows.tolist()
    assert after.retold.tolist() == [3]


def test_entries_that_most_items_left_are_made_anew(index: SearchIndex) -> None:
    made = AddedItems(index, rows_of(TEXTS))
    for n in range(40):
        made = AddedItems(index, rows_of([(f"lamp {n}", "", "", "", ""), *TEXTS[1:]]), made)
        made = AddedItems(index, rows_of(TEXTS[1:]) | {1: (f"sofa {n}", "", "", "", "")}, made)
        assert len(made.owner) <= 2 * len(TEXTS) + 2
        assert sum(part.postings.items for part in made.parts) == len(made.owner) == len(made.vectors)
    assert len(made.parts) <= 6
