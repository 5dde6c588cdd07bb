import math
import sys
from decimal import Decimal
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
    if not {other, keys.clean_id(other)} & ids:
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
    with pytest.raises(TypeError, match=r"text \(str\) or a whole number, not bytes: b'900'"):
        Keys(*keys.build(["900"])).find(b"900")  # type: ignore[arg-type]


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
        made.find_many([*known, None])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("mug", "mug"),
        (" mug\t\r\n", "mug"),
        ("\ufeffmug\u200b", "mug"),
        ("\u3000\xa0mug\u2009", "mug"),
        ("two mugs", "two mugs"),
        ("cafe\u0301", "caf\xe9"),
        ("\u212bngstr\xf6m", "\xc5ngstr\xf6m"),  # the sign of the unit is the letter
        ("007", "007"),
        ("12.0", "12"),
        ("-12.000", "-12"),
        ("1.5", "1.5"),
        ("1.0.0", "1.0.0"),
        ("v2.0", "v2.0"),
        (" \u2003", ""),
        (12, "12"),
        (12.0, "12"),
        (10**30, str(10**30)),
        (np.int64(-3), "-3"),
        (np.float32(40), "40"),
        (Decimal("7.00"), "7"),
    ],
)
def test_one_rule_says_what_an_id_is(given: object, found: str) -> None:
    assert keys.clean_id(given) == found
    assert keys.clean_id(found) == found


@pytest.mark.parametrize(
    "given", [1.5, Decimal("0.1"), Decimal("sNaN"), math.nan, math.inf, 2.0**60, True, np.True_, None, b"a", ["a"]]
)
def test_what_is_neither_text_nor_whole_is_no_id(given: object) -> None:
    with pytest.raises(TypeError, match="an id is text"):
        keys.clean_id(given)


def test_all_white_space_is_cut_off() -> None:
    white = {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert set(keys.TRIMMED) == white | {"\u200b", "\ufeff"}


def test_ids_are_found_in_every_spelling() -> None:
    made = Keys(*keys.build(["caf\xe9", "12", " old "]))
    asked = ["caf\xe9", "cafe\u0301 ", "12", "12.0", " 12\ufeff", " old ", "old", "13"]
    found = [made.id(row) if row >= 0 else None for row in map(made.find, asked)]
    assert found == ["caf\xe9", "caf\xe9", "12", "12", "12", " old ", None, None]
    assert made.find_many(asked).tolist() == [made.find(one) for one in asked]
    assert made.find_many([12, 12.0]).tolist() == [made.find("12")] * 2  # type: ignore[list-item]
