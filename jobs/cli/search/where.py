"""The option `--where`: what must hold for an item, word by word."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from jobs.errors import ConfigError

if TYPE_CHECKING:
    from lookup.serving.limits.conditions import Condition

IN_STOCK = "in_stock"
RANGE = ".."
TRUTHS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
HELP = "What must hold: brand=Acme, category=Audio, price=10..50, in_stock, or a declared feature such as colour=red."


def where(words: Sequence[str], features: Mapping[str, str]) -> "Condition | None":
    """The condition that words say; None without any. features: the kinds of declared features, by name.

    Different names must hold together; of several words with one name any will do. Raises ConfigError, naming the word,
    for one that says nothing.
    """
    from lookup.errors import ConditionError

    named: dict[str, list[Condition]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            if bool(equals) == (name == IN_STOCK):
                raise ConditionError(f"NAME=VALUE expected, or {IN_STOCK}")
            named.setdefault(name, []).append(_one(name, value, features))
        except ConditionError as error:
            raise ConfigError(f"--where {word!r:.100}: {error}") from None
    return reduce(and_, (reduce(or_, one) for one in named.values())) if named else None


def _one(name: str, value: str, features: Mapping[str, str]) -> "Condition":
    import lookup

    if name in ("brand", "category"):
        return lookup.brand(value) if name == "brand" else lookup.category(value)
    if name in ("price", IN_STOCK):
        return lookup.price(*_bounds(value)) if name == "price" else lookup.in_stock()
    if name not in features:
        known = ", ".join(("brand", "category", IN_STOCK, "price", *features))
        raise lookup.ConditionError(f"there is no such field; there are {known}")
    return _of_feature(name, value, features[name])


def _of_feature(name: str, value: str, kind: str) -> "Condition":
    import lookup
    from lookup.release.schema import NUMBER

    if kind != NUMBER or value in TRUTHS:
        return lookup.feature(name, value if kind != NUMBER else TRUTHS[value])
    low, high = _bounds(value)
    return lookup.feature(name, low=low, high=high)


def _bounds(text: str) -> tuple[float | None, float | None]:
    """The bounds of `10..50`, `10..`, `..50`, or `10`, which is both."""
    from lookup.errors import ConditionError

    low, dots, high = text.partition(RANGE)
    try:
        below, above = (float(bound) if bound else None for bound in (low, high if dots else low))
    except ValueError:
        raise ConditionError(f"a number, or bounds such as 10{RANGE}50, expected") from None
    return below, above
