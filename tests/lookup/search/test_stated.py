"""The check of the arrays of a search index: what is missing, of another type or of another size is refused."""

from collections import Counter

import numpy as np
import pytest

from lookup.errors import ReleaseError
from lookup.search import stated
from lookup.search.index import SearchIndex
from tests.lookup.search.indexes import TITLES, index_of

INDEX = index_of()
ARRAYS = INDEX.arrays
EACH = [(group, one) for group, some in stated.GROUPS.items() for one in some]
ALL = [pytest.param(group, one, id=one.name) for group, one in EACH]
PLACES = [one for _, one in EACH if one.places_in is not None]
ROWS = [one for _, one in EACH if one.rows_of is not None and ARRAYS[one.name].size]


def refused(match: str, **changed: np.ndarray) -> None:
    with pytest.raises(ReleaseError, match=match):
        stated.check({**ARRAYS, **changed}, len(TITLES))


def test_a_whole_index_is_whole():
    stated.check(ARRAYS, len(TITLES))
    with pytest.raises(ReleaseError, match="expected"):
        stated.check(ARRAYS, len(TITLES) + 1)


def test_every_array_is_stated_once():
    names = Counter(one.name for some in stated.GROUPS.values() for one in some)
    assert max(names.values()) == 1
    assert set(ARRAYS) == set(names)


@pytest.mark.parametrize(("group", "one"), ALL)
def test_each_array_is_checked(group, one):
    array = ARRAYS[one.name]
    lacking = {name: array for name, array in ARRAYS.items() if name != one.name}
    if one.later:  # as in a release that was built before there was this array
        assert SearchIndex(lacking, INDEX.facts, len(TITLES)).asked("bluetoth speaker").interpretation.corrected
    else:
        with pytest.raises(ReleaseError, match=f"array {one.name} of {group} is missing"):
            stated.check(lacking, len(TITLES))
    other = np.uint8 if array.dtype != np.uint8 else np.int8
    refused(f"{one.name} is {np.dtype(other)}", **{one.name: array.astype(other)})
    refused(f"{one.name} is .* with {array.ndim + 1} axes", **{one.name: array[..., None]})
    letters = Counter(name.partition("+")[0] for other in stated.GROUPS[group] for name in other.shape)
    for axis, size in enumerate(one.shape):
        letter = size.partition("+")[0]
        if letter.isdigit() or letter == "I" or (letter != "*" and letters[letter] > 1):
            more = np.concatenate([array, np.take(array, [-1], axis) if array.size else array], axis)
            if more.shape != array.shape:
                refused(r"has \d+ entries, \d+ expected", **{one.name: more})


def changed(name: str, place: int, value: int) -> dict[str, np.ndarray]:
    wrong = np.array(ARRAYS[name])
    wrong.reshape(-1)[place] = value
    return {name: wrong}


@pytest.mark.parametrize("items", [-1, len(TITLES) + 1, 1 << 60])
def test_the_words_are_of_as_many_items_as_the_release_has(items):
    with pytest.raises(ReleaseError, match=f"lexical_items is {items}; the release has {len(TITLES)} items"):
        stated.check({**ARRAYS, **changed("lexical_items", 0, items)}, len(TITLES), checked=True)


@pytest.mark.parametrize("name", ["term_starts", "title_starts", "suggest_text_offsets"])
def test_places_begin_at_0_and_never_fall(name):
    for place, value in ((0, 1), (1, 10**6)):
        refused(f"{name} must begin at 0 and never fall", **changed(name, place, value))
    refused(f"{name} has 0 entries, ", **{name: ARRAYS[name][:0]})


@pytest.mark.parametrize("one", PLACES, ids=lambda one: one.name)
def test_places_end_where_their_array_ends(one):
    size = len(ARRAYS[one.places_in])
    found = f"{one.name} ends at {size + 1}; {one.places_in} has {size} entries" if size else one.name
    refused(found, **changed(one.name, -1, size + 1))
    stated.check({**ARRAYS, **changed(one.name, -1, size + 1)}, len(TITLES), checked=True)


def test_what_looks_like_places_is_stated_as_such():
    named = {one.name for _, one in EACH if one.shape[0].endswith("+1") and one.dtype == "int64"}
    assert named == {one.name for one in PLACES}


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.name)
def test_rows_have_bounds(one):
    far = 255 if one.dtype == "uint8" else 0x7FFFFFFF
    for place in (0, -1):
        refused(f"{one.name} holds row {far}; rows from {one.least} to ", **changed(one.name, place, far))
        if one.dtype == "int32":
            refused(f"{one.name} holds row -2; rows from {one.least} to ", **changed(one.name, place, -2))


def test_damage_far_behind_is_found(monkeypatch):
    monkeypatch.setattr(stated, "BLOCK", 2)
    for place in range(1, len(TITLES)):
        refused("title_starts must begin at 0 and never fall", **changed("title_starts", place, 99))
    refused("term_docs holds row 6; rows from 0 to 5 expected", **changed("term_docs", -1, len(TITLES)))
    stated.check(ARRAYS, len(TITLES))


def test_suggested_items_are_items():
    row = int(np.flatnonzero(ARRAYS["suggest_kind"] == stated.ITEM)[0])
    refused("suggest_row holds row 6; rows from 0 to 5 expected", **changed("suggest_row", row, len(TITLES)))
    refused("suggest_row holds row -1", **changed("suggest_row", row, -1))
