"""Filters: the functions that make conditions, which calls take as `where`.

    price(10, 50) & ~brand("Acme")        category("Tea") | (in_stock() & feature("colour", "red", "blue"))

`lookup.serving.limits.conditions` says how conditions combine and what holds for unknown values.
"""

import math
from numbers import Real

import numpy as np

from lookup.errors import ConditionError
from lookup.serving.limits.conditions import Between, Condition, InCategory, InStock, OfBrand, OfGroup, OneOf, Price


def price(low: float | None = None, high: float | None = None) -> Condition:
    """Items with a known price from `low` to `high`, both included.

    low, high: in the shop's currency; None leaves that side open. Raises ConditionError without any bound, for a bound
    that is no number, and where `low` is above `high`.
    """
    return Price(*_bounds("price", low, high))


def category(*names: str) -> Condition:
    """Items with one of the names at any level of their category path.

    Raises ConditionError without a name, and for a name that is not text.
    """
    return InCategory(_texts("category", names))


def brand(*names: str) -> Condition:
    """Items of one of the brands. Raises ConditionError without a name, and for a name that is not text."""
    return OfBrand(_texts("brand", names))


def group(*names: str) -> Condition:
    """Items of one of the groups: the variants of a thing. With `variants=True` a call shows each of them.

    Raises ConditionError without an id, and for one that is not text.
    """
    return OfGroup(_texts("group", names))


def in_stock() -> Condition:
    """Items in stock."""
    return InStock()


def feature(name: str, *values: str | float | bool, low: float | None = None, high: float | None = None) -> Condition:
    """Items whose declared feature has one of the values, or is a number from `low` to `high`, both included.

    name: as declared in [items.features]. values: texts, or numbers; yes and no are the numbers 1 and 0.

    Raises ConditionError for both or neither of values and bounds, and for values of different kinds.
    """
    _texts("feature", (name,))
    if not values:
        return Between(name, *_bounds(f"feature {name!r}", low, high))
    if low is not None or high is not None:
        raise ConditionError(f"feature {name!r}: values or bounds, not both, which is two conditions joined by &")
    if all(isinstance(value, str) for value in values):
        return OneOf(name, tuple(dict.fromkeys(values)))  # type: ignore[arg-type]
    return OneOf(name, tuple(dict.fromkeys(_number(f"feature {name!r}", value) for value in values)))


def _bounds(what: str, low: float | None, high: float | None) -> tuple[float, float]:
    if low is None and high is None:
        raise ConditionError(f"{what}: a lower bound, an upper one or both expected")
    below = -math.inf if low is None else _number(what, low)
    above = math.inf if high is None else _number(what, high)
    if below > above:
        raise ConditionError(f"{what}: the lower bound {low!r} is above the upper one, {high!r}")
    return below, above


def _number(what: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, (Real, np.bool_)) else math.nan
    except OverflowError:  # an integer that is too large to be a float
        number = math.nan
    if math.isnan(number):
        raise ConditionError(f"{what}: a number expected, not {value!r}")
    return number + 0.0  # -0.0 becomes 0.0, so that both compare and hash alike


def _texts(what: str, names: tuple[object, ...]) -> tuple[str, ...]:
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong or not names:
        raise ConditionError(f"{what}: one name or more expected, each a text, not {wrong[0] if wrong else 'none'!r}")
    return tuple(dict.fromkeys(names))  # type: ignore[arg-type]
