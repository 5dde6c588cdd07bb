"""The check of the arrays of a search index: what is missing, of another type or of another size is refused."""

from collections import Counter

import numpy as np
import pytest

from lookup.errors import ReleaseError
from lookup.search import stated
from tests.lookup.search.indexes import TITLES, index_of

ARRAYS = index_of().arrays
ALL = [pytest.param(group, one, id=one.name) for group, some in stated.GROUPS.items() for one in some]


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
    with pytest.raises(ReleaseError, match=f"array {one.name} of {group} is missing"):
        stated.check({name: array for name, array in ARRAYS.items() if name != one.name}, len(TITLES))
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


@pytest.mark.parametrize("name", ["term_starts", "title_starts", "suggest_text_offsets"])
def test_places_begin_at_0_and_never_fall(name):
    for place, value in ((0, 1), (1, 10**6)):
        wrong = np.array(ARRAYS[name])
        wrong[place] = value
        refused(f"{name} must begin at 0 and never fall", **{name: wrong})
