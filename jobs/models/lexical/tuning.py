"""The parameters of BM25 over fields, chosen by what they are worth on judged or clicked queries."""

from collections.abc import Callable
from typing import NamedTuple

from lookup.retrieval.lexical.build import Parameters
from lookup.retrieval.lexical.counts import FIELDS

K1 = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
B = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.6, 1.0, 1.5, 2.5)
"""The values that are tried."""
ROUNDS = 2
WORTH = 1e-4
"""A change that is worth less is not made: it would follow noise."""


class Tuned(NamedTuple):
    """What was chosen."""

    parameters: Parameters
    worth: float
    """Of the parameters, as `worth_of` has it."""
    before: float
    """Of those that the search began with."""
    tried: int
    """How many parameters were looked at."""


def tuned(
    worth_of: Callable[[Parameters], float],
    start: Parameters | None = None,
    fields: tuple[str, ...] = FIELDS,
    rounds: int = ROUNDS,
) -> Tuned:
    """The best parameters that a search along one of them after the other finds, `rounds` times over all.

    worth_of: how good parameters are, more is better: the mean of a metric over queries that no judgement is made on
    later. fields: those that hold texts; the others keep what they have. The weight of the first of them stays, because
    only the ratios of weights to it and to k1 matter.
    """
    best = start or Parameters()
    known = {best: worth_of(best)}
    before = known[best]
    steps: list[tuple[str, int, tuple[float, ...]]] = [("k1", 0, K1)]
    for place, name in enumerate(FIELDS):
        if name in fields:
            steps += [("b", place, B)] + ([("weights", place, WEIGHTS)] if name != fields[0] else [])
    for _ in range(rounds):
        began = best
        for what, place, values in steps:
            for value in values:
                one = _with(best, what, place, value)
                if one not in known:
                    known[one] = worth_of(one)
                if known[one] > known[best] + WORTH:
                    best = one
        if best == began:
            break
    return Tuned(best, known[best], before, len(known))


def _with(parameters: Parameters, what: str, place: int, value: float) -> Parameters:
    if what == "k1":
        return parameters._replace(k1=value)
    values = list(parameters.b if what == "b" else parameters.weights)
    values[place] = value
    return parameters._replace(b=tuple(values)) if what == "b" else parameters._replace(weights=tuple(values))
