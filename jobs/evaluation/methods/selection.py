"""The choice of a baseline's settings on the last of what it may learn from: a search along one setting at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from jobs.evaluation.harness import CHOICE, LENGTHS, ranked
from jobs.evaluation.metrics.ranking import user_metrics
from jobs.evaluation.problems.holdout import held_out
from jobs.evaluation.problems.problem import Method, Problem
from jobs.infra.logging import log_line

USERS = 1000
"""A choice is measured on at most so many users."""
ROUNDS = 2
"""Every setting is tried so often; the search ends early when a round changes nothing."""


def select(
    problem: Problem,
    grid: Mapping[str, Sequence[float]],
    fixed: Collection[str],
    make: Callable[[Mapping[str, float]], Method],
) -> dict[str, float]:
    """Return the settings of a grid with the highest CHOICE, by a search along one setting after the other.

    It learns and measures on `held_out` of the problem, so nothing that the problem measures is read. Where there is
    nothing to choose on, the first value of each setting stands. fixed: settings that are known already and not in the
    result. make: a method with all settings given.
    """
    best = {name: values[0] for name, values in grid.items() if name not in fixed}
    known = held_out(problem, USERS) if best else None
    if known is None:
        return best
    reached = _figure(make(best), known)
    for _ in range(ROUNDS):
        before = dict(best)
        for name in before:
            for value in grid[name]:
                if value != best[name]:
                    figure = _figure(make(best | {name: value}), known)
                    if figure > reached:
                        best, reached = best | {name: value}, figure
        if best == before:
            break
    log_line("evaluate", "chosen", **best, users=len(known.given), reached=reached)
    return best


def _figure(method: Method, problem: Problem) -> float:
    method.fit(problem)
    lists = ranked(method, problem, max(LENGTHS), masked=False)
    return float(np.mean(user_metrics(lists, problem.truth, LENGTHS)[CHOICE]))
