"""Conditions: what must hold for an item now, patches included, so that a call may answer with it.

`lookup.serving.limits.filters` makes them. They are small immutable values that compare by what they say, hash, and
combine by `&`, `|` and `~`. Every call also takes a mask in place of a condition: a boolean array with one entry for
each item of the release.

An unknown value satisfies no condition: neither does an unknown price, nor a brand that no item has. `~` then holds.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ConditionError
from lookup.patches.patched_paths import PatchedPaths
from lookup.release.schema import NUMBER, TEXT

Mask = NDArray[np.bool_]
Rows = NDArray[np.integer[Any]]


class Filterable(Protocol):
    """What is known of n items now, a row each: first the items of a release, then those added by day."""

    @property
    def release_items(self) -> int:
        """How many of the n items are the release's."""

    @property
    def price(self) -> NDArray[np.float64]:
        """(n,), NaN where unknown."""

    @property
    def in_stock(self) -> NDArray[Any]:
        """(n,), bool or uint8."""

    @property
    def category(self) -> NDArray[np.int32] | PatchedPaths:
        """(n, G): codes of the category path, the widest first; -1 after the last."""

    @property
    def brand(self) -> NDArray[np.int32]:
        """(n,): codes; -1 where unknown."""

    @property
    def group(self) -> NDArray[np.int32]:
        """(n,): codes; -1 where there is none."""

    @property
    def feature(self) -> NDArray[np.float64]:
        """(n, F): numbers, and codes of texts; NaN where unknown."""

    @property
    def features(self) -> Mapping[str, str]:
        """The kinds of declared features by name, in the order of the columns of `feature`: "number" or "text"."""

    def code(self, kind: str, text: str) -> int:
        """The code of a name; -1 for a name that no item has. kind: "category", "brand", "group", or "value" (of a
        feature).
        """


class Condition:
    """What must hold for an item. The functions of `lookup.serving.limits.filters` make conditions; operators combine
    them."""

    def holds(self, state: Filterable, rows: Rows) -> Mask:
        """For which items the condition holds, bool (m,). rows: of the items, (m,).

        Raises ConditionError for a feature that is undeclared or of another kind, for a mask of another length, and for
        conditions that are nested too deeply.
        """
        try:
            return self._test(state, rows)
        except RecursionError:
            raise ConditionError(
                "where: too many conditions are nested; name many brands, categories or values in one condition, such "
                "as lookup.brand('Acme', 'Zenith'), or give a mask"
            ) from None

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

    # numpy then leaves `mask & condition` to this class and does not try it element by element.
    __array_ufunc__ = None

    def __invert__(self) -> "Condition":
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a condition is neither true nor false: combine conditions by &, | and ~, not by and, or and not"
        )


@dataclass(frozen=True)
class Both(Condition):
    """Both conditions hold."""

    left: Condition
    right: Condition

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return self.left._test(state, rows) & self.right._test(state, rows)


@dataclass(frozen=True)
class Either(Condition):
    """At least one of two conditions holds."""

    left: Condition
    right: Condition

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return self.left._test(state, rows) | self.right._test(state, rows)


@dataclass(frozen=True)
class Not(Condition):
    """The inner condition does not hold."""

    inner: Condition

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return ~self.inner._test(state, rows)


@dataclass(frozen=True)
class Price(Condition):
    """The price lies between two bounds, both included."""

    low: float
    high: float

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return _between(state.price.take(rows), self.low, self.high)


@dataclass(frozen=True)
class InCategory(Condition):
    """The category path contains one of the names."""

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
class OfGroup(Condition):
    """The group is one of the ids."""

    names: tuple[str, ...]

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        groups = state.group.take(rows)
        return _any_of([groups == code for code in _codes(state, "group", self.names)], groups.shape)


@dataclass(frozen=True)
class InStock(Condition):
    """The item is in stock."""

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return np.asarray(state.in_stock.take(rows) != 0)


@dataclass(frozen=True)
class OneOf(Condition):
    """A declared feature has one of the values: texts, or numbers."""

    name: str
    values: tuple[str, ...] | tuple[float, ...]

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        text = isinstance(self.values[0], str)
        known = _known(state, self.name, TEXT if text else NUMBER, rows)
        values = _codes(state, "value", self.values) if text else self.values  # type: ignore[arg-type]
        return _any_of([known == value for value in values], known.shape)


@dataclass(frozen=True)
class Between(Condition):
    """A declared number lies between two bounds, both included."""

    name: str
    low: float
    high: float

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        return _between(_known(state, self.name, NUMBER, rows), self.low, self.high)


@dataclass(frozen=True)
class Among(Condition):
    """A mask marks the item; it marks no item added by day."""

    marks: bytes
    """One byte for each item of the release, 1 or 0."""

    def _test(self, state: Filterable, rows: Rows) -> Mask:
        if len(self.marks) != state.release_items:
            raise ConditionError(
                f"a mask of {len(self.marks)} items was given, the release that serves has {state.release_items}: a "
                "mask has one entry for each item row of one release; pin it, or use conditions, which fit any release"
            )
        if not self.marks:
            return np.zeros(len(rows), dtype=bool)
        marked = np.frombuffer(self.marks, dtype=bool)
        return marked[np.minimum(rows, state.release_items - 1)] & (rows < state.release_items)


def condition(given: "Condition | Mask") -> Condition:
    """A condition unchanged, and a mask as a condition. Raises ConditionError for anything else."""
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
    for one in found[1:]:  # quicker than a reduction over an axis for so few and such short masks
        total = total | one
    return total


def _codes(state: Filterable, kind: str, names: tuple[str, ...]) -> list[int]:
    """The codes of the names, without names that no item has."""
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
