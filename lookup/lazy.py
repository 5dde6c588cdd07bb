"""Values that an object computes when they are first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801 – it is written as a decorator
    """An attribute that a method computes once, as `functools.cached_property` of Python 3.12.

    That of Python 3.11 holds a lock while it computes, one for all objects of the class: searches of one process would
    wait for each other, and the child of a fork for ever. Of threads that ask at once each computes; the first keeps.
    """

    def __init__(self, compute: Callable[[Any], Value]):
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owned_by: None, owner: type) -> "lazy[Value]": ...
    @overload
    def __get__(self, owned_by: object, owner: type) -> Value: ...
    def __get__(self, owned_by: object | None, owner: type) -> "lazy[Value] | Value":
        if owned_by is None:
            return self
        found: Value = owned_by.__dict__.setdefault(self._name, self._compute(owned_by))
        return found
