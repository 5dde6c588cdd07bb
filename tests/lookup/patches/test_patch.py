"""What a patch may be, and which statement of a field holds."""

import json
import math
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import DaybreakError, PatchError
from lookup.patches import patch
from lookup.patches.patch import AHEAD, Patch, Statement

NOW = int(time.time() * 1e6)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
any_time = st.none() | st.integers() | st.datetimes() | st.datetimes(timezones=st.just(UTC)) | anything
any_field = st.sampled_from(["price", "in_stock", "hidden", "title", "category", "weight", "at", ""]) | st.text()


class TestFuzz:
    """Whatever comes, it is a clear error or a patch that comes back the same."""

    @given(anything, st.dictionaries(any_field, anything, max_size=3) | anything, any_time, anything, any_time)
    def test_items(self, key: Any, values: Any, at: Any, source: Any, until: Any) -> None:
        comes_back(lambda: patch.item(key, values, at=at, source=source, until=until))

    @given(st.dictionaries(any_field, anything, min_size=1, max_size=3))
    def test_values_of_items(self, values: Any) -> None:
        comes_back(lambda: patch.item("A1", values))

    @given(anything, anything, anything, anything, any_time)
    def test_events(self, user: Any, item: Any, kind: Any, value: Any, at: Any) -> None:
        comes_back(lambda: patch.event(user, item, kind, value=value, at=at))

    @given(anything, any_time, anything)
    def test_forgets(self, user: Any, at: Any, source: Any) -> None:
        comes_back(lambda: patch.forget(user, at=at, source=source))

    @given(st.tuples(anything, anything, any_time, anything, any_time, anything))
    def test_made_by_hand(self, parts: tuple[Any, ...]) -> None:
        comes_back(lambda: patch.check(Patch(*parts)))

    @given(
        st.text()
        | anything.map(lambda value: json.dumps(value, default=str))
        | st.dictionaries(
            st.sampled_from(["item_id", "user_id", "forget", "at", "until", "source", "price", "type", "value", "x"]),
            anything,
        ).map(lambda value: json.dumps(value, default=str))
    )
    def test_lines(self, line: str) -> None:
        comes_back(lambda: patch.decode(line))


def comes_back(make: Any) -> None:
    try:
        made = make()
    except PatchError as error:
        str(error).encode()  # it can be printed
        return
    line = patch.encode(made)
    assert "\n" not in line
    line.encode()
    again = patch.decode(line)
    assert again == made
    assert sorted(map(repr, again.values.items())) == sorted(map(repr, made.values.items()))  # 1 is not 1.0


class TestChecks:
    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: patch.item("A1", {"price": math.nan}), "item 'A1': price is not finite"),
            (lambda: patch.item("A1", {"price": -0.01}), "price is -0.01; 0 or more was expected"),
            (lambda: patch.item("A1", {"price": True}), "price is True; a number was expected"),
            (lambda: patch.item("A1", {"price": 10**400}), "price is not finite"),
            (lambda: patch.item("A1", {"in_stock": 5}), "in_stock is 5; true or false was expected"),
            (lambda: patch.item("A1", {"price": "12d"}), "price is '12d'; a number was expected"),
            (lambda: patch.item("A1", {"price": "0x1p3"}), "price is '0x1p3'; a number was expected"),
            (lambda: patch.item("A1", {"price": Decimal("NaN")}), "price is not finite"),
            (lambda: patch.item("A1", {"hidden": Decimal("sNaN")}), "hidden is not finite"),
            (lambda: patch.item("A1", {"category": ["a"] * 33}), "category has 33 names; at most 32 are kept"),
            (lambda: patch.item("A1", {"category": ["a" * 1001]}), "category has 1001 characters, .* at most 1000"),
            (lambda: patch.item("A1", {"brand": "a" * 1001}), "brand has 1001 characters"),
            (lambda: patch.item("A1", {"title": "a" * 50_001}), "title has 50001 characters, .* at most 50000"),
            (lambda: patch.item("A1", {f"f{n}": 1 for n in range(201)}), "201 fields; at most 200 are kept"),
            (lambda: patch.item(1.5, {"price": 1}), "id of the item: an id is text or a whole number, not 1.5"),  # type: ignore[arg-type]
            (lambda: patch.item("A1", {"category": "Home"}), "a list of texts, the widest first, was expected"),
            (lambda: patch.item("A1", {"title": 5}), "title is 5; text was expected"),
            (lambda: patch.item("A1", {"colour": ["red"]}), "a feature is a text, a number, true or false"),
            (lambda: patch.item("A1", {"weight": 2**53 + 1}), "better given as text"),
            (lambda: patch.item("A1", {"source": "x"}), "source is no field of an item"),
            (lambda: patch.item("A1", {}), "at least one field"),
            (lambda: patch.item("A1", dict.fromkeys("abc", "x" * 40000)), "more than 100000 characters"),
            (lambda: patch.item(" ", {"price": 1}), "the id of the item is ''; a text that is not empty"),
            (lambda: patch.item("x" * 1001, {"price": 1}), "has 1001 characters"),
            (lambda: patch.item("\ud800", {"price": 1}), "half a character"),
            (lambda: patch.item("A1", {"price": 1}, at=-1), "at is before 1970"),
            (lambda: patch.item("A1", {"price": 1}, at=NOW + 10**11), "more than five minutes in the future"),
            (lambda: patch.item("A1", {"price": 1}, at=10**30), "after the year 9999, more than five minutes"),
            (lambda: patch.item("A1", {"price": 1}, at=NOW, until=NOW), "until must be later than at"),
            (lambda: patch.item("A1", {"price": 1}, at=datetime(2026, 1, 1)), "has no time zone"),
            (lambda: patch.event("u", "A1", ""), "type is ''"),
            (lambda: patch.event("u", "A1", "view", value=math.inf), "value is not finite"),
            (lambda: patch.forget(True), "the id of the user: an id is text"),  # type: ignore[arg-type]
            (lambda: patch.decode("[1]"), "an object was expected"),
            (lambda: patch.decode('{"price": 1}'), "item_id, user_id or forget was expected among 'price'"),
            (lambda: patch.decode('{"forget": "u", "item_id": "A1"}'), "nothing more was expected"),
            (lambda: patch.decode('{"item_id": "A1", "price": 1, "at": "yesterday"}'), "at is 'yesterday'"),
            (
                lambda: patch.decode('{"user_id": "u", "item_id": "A", "type": "view", "until": 9e9}'),
                "ends by itself",
            ),
        ],
    )
    def test_what_cannot_be_is_said(self, make: Any, says: str) -> None:
        with pytest.raises(PatchError, match=says) as caught:
            make()
        assert isinstance(caught.value, DaybreakError)
        assert isinstance(caught.value, ValueError)

    def test_the_examples_are_patches(self) -> None:
        readme = Path(__file__).parents[3] / "lookup" / "README.md"
        lines = [line.strip() for text in (patch.__doc__ or "", readme.read_text()) for line in text.splitlines()]
        examples = [line for line in lines if line.startswith('{"')]
        assert sorted(patch.decode(line).kind for line in examples) == ["event"] * 2 + ["forget"] * 2 + ["item"] * 2

    def test_numbers_of_numpy_are_numbers(self) -> None:
        made = patch.item("A1", {"price": np.float32(2.5), "weight": np.int64(3)})
        assert made.values == {"price": 2.5, "weight": 3}
        assert [type(value) for value in made.values.values()] == [float, int]
        made = patch.item("A1", {"price": np.float32(9.99), "in_stock": np.bool_(0), "new": np.bool_(1)})
        assert made.values == {"price": 9.99, "in_stock": False, "new": True}

    def test_decimals_are_numbers(self) -> None:
        made = patch.item("A1", {"price": Decimal("19.90"), "in_stock": Decimal(1), "weight": Decimal("0.5")})
        assert made.values == {"price": 19.9, "in_stock": True, "weight": 0.5}
        assert [type(value) for value in made.values.values()] == [float, bool, float]

    def test_ids_follow_the_one_rule(self) -> None:
        assert patch.item("\ufeffA1 ", {"price": 1}).key == patch.decode('{"item_id": "A1", "price": 1}').key == "A1"
        assert patch.decode('{"forget": " u\\u00a0"}').key == "u"
        made = patch.decode('{"user_id": 900.0, "item_id": 12, "type": "view"}')
        assert (made.key, made.values["item"]) == ("900", "12")

    def test_the_one_zero(self) -> None:
        assert str(patch.item("A1", {"price": -0.0}).values["price"]) == "0.0"

    def test_times(self) -> None:
        east = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
        assert patch.item("A1", {"price": 1}, at=east).at == 1_767_225_600_000_000
        for at in ('"2026-01-01"', '"2026-01-01T00:00:00Z"', '"2026-01-01T02:00:00+02:00"', "1767225600"):
            assert patch.decode(f'{{"item_id": "A1", "price": 1, "at": {at}}}').at == 1_767_225_600_000_000
        assert abs(patch.item("A1", {"price": 1}).at - time.time() * 1e6) < 60e6


statements = st.builds(
    lambda at, source, length, value: Statement("a", "f", at, source, None if length is None else at + length, value),
    st.integers(0, 6),
    st.sampled_from("st"),
    st.none() | st.integers(1, 6),
    st.sampled_from([1, 1.0, "x", None]),
)


class TestFront:
    @given(st.data(), st.lists(statements, max_size=8))
    def test_is_the_same_in_any_order_and_however_often(self, data: st.DataObject, found: list[Statement]) -> None:
        shuffled = data.draw(st.permutations(found + found[:3]))
        assert [repr(one) for one in patch.front(shuffled)] == [repr(one) for one in patch.front(found)]

    @given(st.lists(statements, max_size=8), st.integers(0, 15))
    def test_holds_what_the_definition_says(self, found: list[Statement], at: int) -> None:
        """All statements are of before the question, as they are in a log."""
        at += 6
        alive = [one for one in found if one.until is None or at < one.until]
        greatest = max(alive, key=lambda one: (one.at, one.source, json.dumps(one.value)), default=None)
        held = patch.holding(patch.front(found), at)
        assert (held and held[:4]) == (greatest and greatest[:4])
        assert repr(held and held.value) == repr(greatest and greatest.value)

    @given(st.lists(statements, max_size=8))
    def test_is_as_small_as_can_be(self, found: list[Statement]) -> None:
        front = patch.front(found)
        held = {repr(patch.holding(front, at)) for at in range(6, 20)} | {repr(patch.holding(front, 10**9))}
        late = [one for one in front if one.until is None or one.until > 6]
        assert {repr(one) for one in late} <= held

    def test_adding_what_cannot_hold_changes_nothing(self) -> None:
        front = patch.front([Statement("a", "f", 5, "s", None, 1)])
        assert patch.add(front, Statement("a", "f", 4, "s", None, 2)) is front
        assert patch.add(front, front[0]) is front

    def test_a_clock_that_runs_ahead_is_heard_at_once(self) -> None:
        front = patch.front([Statement("a", "f", 10**9, "s", None, 1)])
        assert patch.holding(front, 10**9 - AHEAD) is front[0]
        assert patch.holding(front, 10**9 - AHEAD - 1) is None

    @given(st.lists(statements, max_size=8), st.integers(0, 6), st.integers(0, 15))
    def test_what_is_ahead_counts_for_nothing(self, found: list[Statement], latest: int, at: int) -> None:
        """For whoever asks before its time has come."""
        now = min(at, latest)
        front = patch.front(found, latest)
        without = patch.front(one for one in found if one.at <= latest)
        assert repr(patch.holding(front, now, ahead=0)) == repr(patch.holding(without, now, ahead=0))
        assert [one for one in front if one.at <= latest] == list(without)
        for one in found:
            assert patch.add(front, one, latest) is front

    def test_the_greatest_of_each_field(self) -> None:
        rows = [("a", "f", 5), ("a", "f", 9), ("a", "g", 1), ("b", "f", 3), ("b", "g", 99)]
        stated = [Statement(item, field, at, "s", None, at) for item, field, at in rows]
        found = [(one.item, one.field, one.at) for one in patch.greatest(stated, latest=50)]
        assert found == [("a", "f", 9), ("a", "g", 1), ("b", "f", 3)]

    def test_what_a_release_absorbs(self) -> None:
        assert Statement("a", "price", 1, "s", None, 1, 5).absorbed(5)
        assert not Statement("a", "price", 1, "s", None, 1, 6).absorbed(5)
        assert not Statement("a", "price", 1, "s", 9, 1, 5).absorbed(5)
        assert not Statement("a", "hidden", 1, "s", None, True, 5).absorbed(5)
        assert Statement("a", "hidden", 1, "s", None, False, 5).absorbed(5)
