"""Conditions, against a plain Python evaluation of the same condition on records."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup import DaybreakError
from lookup.errors import ConditionError
from lookup.serving.limits.conditions import Condition, condition
from lookup.serving.limits.filters import brand, category, feature, in_stock, price

FEATURES = {"weight": "number", "colour": "text", "organic": "number"}
NAMES = {"category": ("FOOD", "TEA", "MILK"), "brand": ("Acme", "Ünder"), "value": ("red", "blue")}
PRICES = (0.0, 1.0, 2.5, 10.0)


class Item(NamedTuple):
    price: float | None
    in_stock: bool
    category: list[str]
    brand: str | None
    features: dict[str, Any]


@dataclass
class State:
    """Features of items, made from their records."""

    items: list[Item]
    release_items: int
    features = FEATURES

    def __post_init__(self) -> None:
        nan = float("nan")
        self.price = np.array([nan if i.price is None else i.price for i in self.items])
        self.in_stock = np.array([i.in_stock for i in self.items], dtype=np.uint8)
        paths = [[NAMES["category"].index(c) for c in i.category] for i in self.items]
        self.category = np.array([(path + [-1] * 3)[:3] for path in paths], dtype=np.int32).reshape(-1, 3)
        self.brand = np.array([-1 if i.brand is None else self.code("brand", i.brand) for i in self.items], np.int32)
        rows = [[i.features.get(name, nan) for name in FEATURES] for i in self.items]
        coded = [[self.code("value", v) if isinstance(v, str) else v for v in row] for row in rows]
        self.feature = np.array(coded, dtype=np.float64).reshape(-1, len(FEATURES))

    def code(self, kind: str, text: str) -> int:
        return NAMES[kind].index(text) if text in NAMES[kind] else -1


items = st.builds(
    Item,
    st.sampled_from([None, *PRICES]),
    st.booleans(),
    st.lists(st.sampled_from(NAMES["category"]), max_size=3, unique=True),
    st.sampled_from([None, *NAMES["brand"]]),
    st.fixed_dictionaries(
        {},
        optional={
            "weight": st.sampled_from(PRICES),
            "colour": st.sampled_from(NAMES["value"]),
            "organic": st.sampled_from([0.0, 1.0]),
        },
    ),
)
Test = Callable[[Item, int], bool]
"""What is to hold of an item and its row."""
numbers = st.sampled_from([-1.0, *PRICES, 3.0, float("inf")])
bounds = st.tuples(st.none() | numbers, st.none() | numbers).filter(
    lambda b: b != (None, None) and (None in b or b[0] <= b[1])  # type: ignore[operator]
)


def between(value: float | None, low: float | None, high: float | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def names(kind: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from([*NAMES[kind], "unheard of"]), min_size=1, max_size=3).map(tuple)


leaves = st.one_of(
    bounds.map(lambda b: (price(*b), lambda i, _: between(i.price, *b))),
    st.just((in_stock(), lambda i, _: i.in_stock)),
    names("category").map(lambda n: (category(*n), lambda i, _: bool(set(n) & set(i.category)))),
    names("brand").map(lambda n: (brand(*n), lambda i, _: i.brand in n)),
    names("value").map(lambda n: (feature("colour", *n), lambda i, _: i.features.get("colour") in n)),
    st.lists(numbers, min_size=1, max_size=2).map(
        lambda n: (feature("weight", *n), lambda i, _: i.features.get("weight") in n)
    ),
    st.booleans().map(lambda b: (feature("organic", b), lambda i, _: i.features.get("organic") == b)),
    bounds.map(lambda b: (feature("weight", low=b[0], high=b[1]), lambda i, _: between(i.features.get("weight"), *b))),
    st.lists(st.booleans(), min_size=4, max_size=4).map(
        lambda m: (condition(np.array(m)), lambda _, row: row < 4 and m[row])
    ),
)
Case = tuple[Condition, Test]


def combined(parts: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    pairs = st.tuples(parts, parts)
    return st.one_of(
        pairs.map(lambda p: (p[0][0] & p[1][0], lambda i, r: p[0][1](i, r) and p[1][1](i, r))),
        pairs.map(lambda p: (p[0][0] | p[1][0], lambda i, r: p[0][1](i, r) or p[1][1](i, r))),
        parts.map(lambda p: (~p[0], lambda i, r: not p[1](i, r))),
    )


@given(st.lists(items, min_size=4, max_size=8), st.recursive(leaves, combined, max_leaves=5), st.data())
def test_conditions_hold_as_their_words_say(known: list[Item], case: Case, data: st.DataObject) -> None:
    condition, test = case
    rows = data.draw(st.lists(st.integers(0, len(known) - 1), max_size=10))
    found = condition.holds(State(known, release_items=4), np.array(rows, dtype=np.int32))
    assert found.dtype == np.bool_
    assert found.tolist() == [test(known[row], row) for row in rows]


def test_they_compare_by_what_they_say() -> None:
    mask = np.array([True, False])
    pairs = [
        (price(1, 2), price(1.0, 2)),
        (brand("a", "b", "a"), brand("a", "b")),
        (feature("x", True), feature("x", 1.0)),
        (~price(high=0.0) & mask, ~price(high=-0.0) & mask.copy()),
        (mask | in_stock(), condition(mask) | in_stock()),
    ]
    for one, other in pairs:
        assert one == other
        assert hash(one) == hash(other)
    different = {
        price(1),
        price(high=1),
        brand("a"),
        category("a"),
        feature("a", "a"),
        condition(mask),
        in_stock(),
    }
    assert len(different) == 7
    assert repr(price(1)) == "Price(low=1.0, high=inf)"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (price, "price: a lower bound, an upper one or both expected"),
        (lambda: price(3, 2), "price: the lower bound 3 is above the upper one, 2"),
        (lambda: price(float("nan")), "price: a number expected, not nan"),
        (lambda: price("3"), "price: a number expected, not '3'"),
        (lambda: price(10**400), "price: a number expected, not 1000"),
        (category, "category: one name or more expected"),
        (lambda: brand("a", None), "brand: one name or more expected, each a text, not None"),
        (lambda: feature("x"), "feature 'x': a lower bound"),
        (lambda: feature("x", 1, low=1), "feature 'x': values or bounds, not both"),
        (lambda: feature("x", "a", 1), "feature 'x': a number expected, not 'a'"),
        (lambda: feature(3, 1), "feature: one name or more expected, each a text, not 3"),
        (lambda: condition([True]), r"\[True\]: a condition expected, such as"),
        (lambda: price(1) & np.array([1, 0]), r"int64 array of shape \(2,\): a condition expected"),
        (lambda: condition(np.ones((2, 2), bool)), r"bool array of shape \(2, 2\)"),
    ],
)
def test_what_cannot_be_a_condition_is_told(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(ConditionError, match=said) as raised:
        wrong()
    assert isinstance(raised.value, DaybreakError)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (feature("size", 1), "feature 'size' is not declared; declared .*: weight, colour, organic"),
        (feature("colour", 1), "feature 'colour' is a text; a number was given"),
        (feature("colour", low=1), "feature 'colour' is a text; a number was given"),
        (feature("weight", "heavy"), "feature 'weight' is a number; a text was given"),
        (condition(np.ones(3, bool)), "a mask of 3 items was given, the release that serves has 2"),
    ],
)
def test_what_does_not_fit_the_release_is_told(condition: Condition, said: str) -> None:
    nothing = Item(None, False, [], None, {})
    with pytest.raises(ConditionError, match=said):
        condition.holds(State([nothing, nothing], release_items=2), np.array([0], dtype=np.int32))


def test_a_condition_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match="combine conditions by"):
        bool(price(1) and in_stock())


def test_very_many_nested_conditions_are_told() -> None:
    nested = price(1)
    for _ in range(20_000):
        nested = nested | price(1)
    with pytest.raises(ConditionError, match="too many conditions are nested; name many brands"):
        nested.holds(State([Item(2.0, True, [], None, {})], release_items=1), np.array([0], dtype=np.int32))
