from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup import keys
from lookup.keys import Keys, hash_id


@settings(deadline=None)
@given(st.sets(st.text()), st.text(alphabet=st.characters()))
def test_finds_every_id_and_nothing_else(ids: set[str], other: str) -> None:
    known = Keys(*keys.build(ids))
    assert len(known) == len(ids)
    rows = [known.find(text) for text in ids]
    assert sorted(rows) == list(range(len(ids)))
    assert list(map(known.id, rows)) == list(ids)
    assert [known.id(row) for row in rows] == list(ids)
    if other not in ids:
        assert known.find(other) == -1


@settings(deadline=None)
@given(st.sets(st.text(), min_size=1))
def test_rows_are_in_the_order_of_the_hexadecimal_digest(ids: set[str]) -> None:
    known = Keys(*keys.build(ids))
    expected = sorted(ids, key=lambda text: sha256(text.encode()).hexdigest())
    assert list(map(known.id, range(len(ids)))) == expected


def test_equal_hashes_are_told_apart_by_their_bytes() -> None:
    wanted = hash_id(b"b")
    hashes = np.array([0, wanted, wanted, wanted, 2**64 - 1], dtype=np.uint64)
    texts = [b"x", b"a", b"b", b"bb", b"y"]
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    assert Keys(hashes, offsets, np.frombuffer(b"".join(texts), dtype=np.uint8)).find("b") == 2
    texts[2] = b"c"
    assert Keys(hashes, offsets, np.frombuffer(b"".join(texts), dtype=np.uint8)).find("b") == -1


def test_lone_surrogates_are_no_id_and_no_error() -> None:
    assert Keys(*keys.build(["a"])).find("\ud800") == -1


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"text \(str\), not int: 900"):
        Keys(*keys.build(["900"])).find(900)  # type: ignore[arg-type]


def test_an_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        keys.build(["a", "b", "a"])


@settings(deadline=None)
@given(st.lists(st.text(), unique=True, max_size=20), st.lists(st.text(alphabet=st.characters()), max_size=20))
def test_many_are_found_as_one_is(known: list[str], others: list[str]) -> None:
    made = Keys(*keys.build(known))
    wanted = known + others
    assert made.find_many(wanted).tolist() == [made.find(text) for text in wanted]
    with pytest.raises(TypeError, match="an id is text"):
        made.find_many([*known, 3])  # type: ignore[list-item]
