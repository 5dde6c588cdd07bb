"""Conditions on items: what a call may answer with. They say what must hold of an item now, as it is patched.

    price(10, 50) & ~brand("Acme")        category("Tea") | (in_stock() & feature("colour", "red", "blue"))

Small immutable values: they compare by what they say, hash, and combine by `&`, `|` and `~`. Beside them a plain mask
is taken, a boolean array with one entry for each item of the release. What is unknown satisfies no condition: neither a
price that nobody knows, nor a brand that no item has; `~` then holds for it.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ConditionError
from lookup.release.schema import NUMBER, TEXT

Mask = NDArray[np.bool_]
Rows = NDArray[np.integer[Any]]


class Filterable(Protocol):
    """What is known of n items now: those of a release, a row each, and after them those that were added by day."""

    @property
    def own(self) -> int:
        """How many of the n items are the release's."""

    @property
    def price(self) -> NDArray[np.float64]:
        """(n,), NaN where unknown."""

    @property
    def in_stock(self) -> NDArray[Any]:
        """(n,), bool or uint8."""

    @property
    def category(self) -> NDArray[np.int32]:
        """(n, G): codes of the path; -1 after the last."""

    @property
    def brand(self) -> NDArray[np.int32]:
        """(n,): codes; -1 where unknown."""

    @property
    def feature(self) -> NDArray[np.float64]:
        """(n, F): numbers, or codes of texts; NaN where unknown."""

    @property
    def features(self) -> Mapping[str, str]:
        """The kinds of declared features by name, in the order of the columns of `feature`: "number" or "text"."""

    def code(self, kind: str, text: str) -> int:
        """The code of a name; -1 for one that no item has. kind: "category", "brand", or "value" (of a feature)."""


class Condition:
    """What must hold of an item. Made by the functions of this module, or by combining others."""

    def holds(self, state: Filterable, rows: Rows) -> Mask:
        """Whether it holds for the items in some rows, bool (m,). rows: (m,).

        Raises ConditionError for a feature that is not declared or of another kind, and for a mask of another length.
        """
        return self._test(state, rows)

    @abstractmethod
    def _test(self, state: Filterable, rows: Rows) -> Mask: ...

    def __and__(self, other: "Condition | Mask") -> "Condition":
        return Both(self, condition(other))

    def __or__(self, other: "Condition | Mask") -> "Condition":
        return Either(self, condition(other))

    def __rand__(self, other: Mask) -> "Condition":
        return Both(condition(other), self)

    def __ror__(self, other: Mask) -> "Condition":
        return Either(condition(other), self)

    # So that numpy leaves `mask & condition` to this class, and does not try it for each element.
    __array_ufunc__ = None

    def __invert__(self) -> "Condition":
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise TypeError("a condition is neither true nor false by itself: combine conditions by &, | and ~")


@dataclass(frozen=True)
class Both(Condition):
    """Two conditions hold."""

    left: Condition
    right: Condition

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return self.left._test(state, rows) & self.right._test(state, rows)


@dataclass(frozen=True)
class Either(Condition):
    """One of two conditions holds, or both do."""

    left: Condition
    right: Condition

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return self.left._test(state, rows) | self.right._test(state, rows)


@dataclass(frozen=True)
class Not(Condition):
    """A condition does not hold."""

    inner: Condition

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return ~self.inner._test(state, rows)


@dataclass(frozen=True)
class Price(Condition):
    """The price lies between two, both included."""

    low: float
    high: float

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return _between(state.price.take(rows), self.low, self.high)


@dataclass(frozen=True)
class InCategory(Condition):
    """One of the names stands in the category path."""

    names: tuple[str, ...]

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        paths = state.category.take(rows, axis=0)
        found = _any_of([paths == code for code in _codes(state, "category", self.names)], paths.shape)
        return _any_of([found[:, level] for level in range(paths.shape[1])], (len(rows),))


@dataclass(frozen=True)
class OfBrand(Condition):
    """The brand is one of the names."""

    names: tuple[str, ...]

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        brands = state.brand.take(rows)
        return _any_of([brands == code for code in _codes(state, "brand", self.names)], brands.shape)


@dataclass(frozen=True)
class InStock(Condition):
    """It is in stock."""

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return np.asarray(state.in_stock.take(rows) != 0)


@dataclass(frozen=True)
class OneOf(Condition):
    """A declared feature is one of the values: texts, or numbers."""

    name: str
    values: tuple[str, ...] | tuple[float, ...]

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        text = isinstance(self.values[0], str)
        known = _known(state, self.name, TEXT if text else NUMBER, rows)
        values = _codes(state, "value", self.values) if text else self.values  # type: ignore[arg-type]
        return _any_of([known == value for value in values], known.shape)


@dataclass(frozen=True)
class Between(Condition):
    """A declared number lies between two, both included."""

    name: str
    low: float
    high: float

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return _between(_known(state, self.name, NUMBER, rows), self.low, self.high)


@dataclass(frozen=True)
class Among(Condition):
    """The item is marked in a mask of the release's items; one added by day is not."""

    marks: bytes
    """A byte an item, 1 or 0."""

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        if len(self.marks) != state.own:
            raise ConditionError(
                f"a mask of {len(self.marks)} items was given, the release that serves has {state.own}: a mask has one "
                "entry for each item row of one release; pin it, or use conditions, which hold for every release"
            )
        if not self.marks:
            return np.zeros(len(rows), dtype=bool)
        marked = np.frombuffer(self.marks, dtype=bool)
        return marked[np.minimum(rows, state.own - 1)] & (rows < state.own)


def price(low: float | None = None, high: float | None = None) -> Condition:
    """The price is known, and neither below `low` nor above `high`; None: any. Raises ConditionError."""
    return Price(*_bounds("price", low, high))


def category(*names: str) -> Condition:
    """One of the names stands at any level of the category path. Raises ConditionError."""
    return InCategory(_texts("category", names))


def brand(*names: str) -> Condition:
    """The brand is one of the names. Raises ConditionError."""
    return OfBrand(_texts("brand", names))


def in_stock() -> Condition:
    """It is in stock."""
    return InStock()


def feature(name: str, *values: str | float | bool, low: float | None = None, high: float | None = None) -> Condition:
    """A declared feature is one of the values, or a number neither below `low` nor above `high`.

    Yes and no are the numbers 1 and 0. Raises ConditionError where both or neither of values and bounds are given, and
    where values are of different kinds.
    """
    _texts("feature", (name,))
    if not values:
        return Between(name, *_bounds(f"feature {name!r}", low, high))
    if low is not None or high is not None:
        raise ConditionError(f"feature {name!r}: values or bounds, not both, which is two conditions joined by &")
    if all(isinstance(value, str) for value in values):
        return OneOf(name, tuple(dict.fromkeys(values)))  # type: ignore[arg-type]
    return OneOf(name, tuple(dict.fromkeys(_number(f"feature {name!r}", value) for value in values)))


def condition(given: "Condition | Mask") -> Condition:
    """A condition as it is, and a mask as a condition. Raises ConditionError for anything else."""
    if isinstance(given, Condition):
        return given
    if isinstance(given, np.ndarray) and given.dtype == np.bool_ and given.ndim == 1:
        return Among(given.tobytes())
    what = f"{given.dtype} array of shape {given.shape}" if isinstance(given, np.ndarray) else repr(given)
    raise ConditionError(
        f"{what}: a condition expected, such as lookup.price(10, 50) & ~lookup.brand('Acme'), or a mask: a boolean "
        "array with one entry for each item of the release"
    )


def _between(known: NDArray[np.float64], low: float, high: float) -> Mask:
    # NaN is neither above nor below anything.
    return (known >= low) & (known <= high)


def _any_of(found: Sequence[Mask], shape: tuple[int, ...]) -> Mask:
    if not found:
        return np.zeros(shape, dtype=bool)
    total = found[0]
    for one in found[1:]:  # for so few and so short ones quicker than a reduction over an axis
        total = total | one
    return total


def _codes(state: Filterable, kind: str, names: tuple[str, ...]) -> list[int]:
    """Codes of those names that some item has."""
    return [code for name in names if (code := state.code(kind, name)) >= 0]


def _known(state: Filterable, name: str, kind: str, rows: Rows) -> NDArray[np.float64]:
    found = state.features.get(name)
    if found is None:
        there = ", ".join(state.features) or "none"
        raise ConditionError(
            f"feature {name!r} is not declared; declared in [items.features] of the release that serves: {there}"
        )
    if found != kind:
        raise ConditionError(f"feature {name!r} is a {found}; a {kind} was given to compare it with")
    known: NDArray[np.float64] = state.feature[rows, list(state.features).index(name)]
    return known


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
    return number + 0.0  # -0.0 is 0.0, and compares and hashes as such


def _texts(what: str, names: tuple[object, ...]) -> tuple[str, ...]:
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong or not names:
        raise ConditionError(f"{what}: one name or more expected, each a text, not {wrong[0] if wrong else 'none'!r}")
    return tuple(dict.fromkeys(names))  # type: ignore[arg-type]
