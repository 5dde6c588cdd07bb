"""The harness fits methods, ranks every item for every measured user, and measures the lists: see `evaluate`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.metrics.bootstrap import intervals
from jobs.evaluation.metrics.ranking import coverage, diversity, exposure, gini, novelty, user_metrics
from jobs.evaluation.problems.problem import Method, Problem
from jobs.evaluation.slices import NEW, Slice, new_items, slices, wanted
from jobs.infra.logging import Progress, log_line

LENGTHS = (5, 10, 20)
CHOICE = "ndcg@10"
"""The metric by which the best baseline is chosen."""
BLOCK = 24_000_000
"""Scores in a block of users, 4 bytes each; a method may need several times that while it computes them."""

AMONG_NEW = f"{NEW}, among themselves"
"""The slice of new items where only new items are ranked."""
GROUP = 64
"""The maximum of this many columns is compared first."""


@dataclass(frozen=True)
class Ranking:
    """The lists of one method: the best item rows for each measured user, int32 (M, k), -1 after the last."""

    all: NDArray[np.int32]
    """Lists of all items."""
    new: NDArray[np.int32]
    """Lists of new items alone, for users who want one; empty lists for the others."""


@dataclass(frozen=True)
class Difference:
    """A mean less the baseline's mean, with its paired bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Measure:
    """The metrics of a method on a slice."""

    users: int
    metrics: dict[str, float | None]
    """By name and length, such as "recall@10"; None where a metric is undefined."""
    differences: dict[str, Difference]
    """Differences of the user metrics from the baseline; empty for the baseline, and where there is none."""


@dataclass(frozen=True)
class Result:
    """The measures of a method by slice, where "all" is everything, and its costs."""

    method: str
    parameters: int
    fit_seconds: float
    rank_seconds: float
    """For masked and unmasked lists together, on this machine."""
    masked: dict[str, Measure]
    """Given items are neither listed nor wanted; users who want nothing else do not count."""
    unmasked: dict[str, Measure]


@dataclass(frozen=True)
class Results:
    """The results of all methods on one problem."""

    problem: str
    protocol: str
    items: int
    users: int
    baselines: dict[str, str | None]
    """The baseline of the differences, for "masked" and "unmasked"."""
    methods: list[Result]


def ranked(method: Method, problem: Problem, k: int = 20, *, masked: bool) -> NDArray[np.int32]:
    """Rank all items for each measured user by a fitted method: the k best, int32 (M, k), -1 after the last.

    The lists are exact; equal scores are in the order of item rows. masked: lists leave out given items.

    Raises DataError when a score is not a number.
    """
    return rankings_of(method, problem, k)[masked].all


def rankings_of(method: Method, problem: Problem, k: int) -> tuple[Ranking, Ranking]:
    """Make the unmasked and the masked lists from the same scores, of all items and of new items alone."""
    n, users = len(problem.items), len(problem.given)
    lists, among = (np.full((2, users, k), -1, dtype=np.int32) for _ in range(2))
    new = new_items(problem)
    wants = np.zeros(users, dtype=np.bool_)
    wants[np.repeat(np.arange(users), np.diff(problem.truth.offsets))[new[problem.truth.items]]] = True
    columns = np.flatnonzero(new)
    progress, block = Progress("evaluate", f"rank {method.name}", users), max(1, BLOCK // max(n, 1))
    for first in range(0, users, block):
        rows = np.arange(first, min(first + block, users))
        given = problem.given.rows(rows)
        scores = method.scores(given, problem.given_at[rows])
        if scores.shape != (len(rows), n) or np.isnan(scores).any():
            raise DataError(
                f"{method.name}: expected {(len(rows), n)} scores, each a number; they are {scores.shape}, "
                f"{int(np.isnan(scores).sum())} of them NaN"
            )
        scores = scores.copy() if not scores.flags.writeable else scores
        asking = np.flatnonzero(wants[rows])
        for masked in (0, 1):
            if masked:
                scores[given.users, given.items] = -np.inf
            lists[masked, rows] = best(scores, k)
            if len(asking):
                found = best(scores[np.ix_(asking, columns)], k)
                among[masked, rows[asking]] = np.where(found >= 0, columns[found], -1)
        progress.at(int(rows[-1]) + 1)
    return Ranking(lists[0], among[0]), Ranking(lists[1], among[1])


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """Return the columns of the k highest scores of each row, int32 (m, k), -1 after the last; ties by lower column.

    scores: (m, N); a score of -inf is not listed.
    """
    n = scores.shape[1]
    # The k-th highest group maximum is at most the k-th highest score, and few scores are above it.
    size = GROUP if n >= GROUP * k else 1
    maxima = scores[:, : n // size * size].reshape(len(scores), size, n // size).max(1)
    width = min(k, n)
    bounds = np.partition(maxima, -width, axis=1)[:, -width]
    found = np.full((len(scores), k), -1, dtype=np.int32)
    for row, (own, bound) in enumerate(zip(scores, bounds, strict=True)):
        columns = np.flatnonzero(own > bound)
        columns = columns[np.argsort(-own[columns], kind="stable")][:width]
        if len(columns) < width and bound > -np.inf:
            columns = np.concatenate([columns, np.flatnonzero(own == bound)[: width - len(columns)]])
        found[row, : len(columns)] = columns
    return found


def evaluate(problem: Problem, methods: Sequence[Method], baseline: str | None = None) -> Results:
    """Fit and measure methods. The log shows the progress.

    baseline: the name of the method that the others are compared with. None: of `methods.choice.BASELINES`, the one
    with the highest CHOICE, chosen apart for masked and unmasked lists.

    Raises DataError when no user can be measured.
    """
    log_line("evaluate", "problem", name=problem.name, protocol=problem.protocol, items=len(problem.items))
    lists, seconds = {}, {}
    for method in methods:
        started = time.monotonic()
        method.fit(problem)
        fitted = time.monotonic()
        log_line("evaluate", "fitted", method=method.name, seconds=fitted - started, parameters=method.parameters)
        lists[method.name] = rankings_of(method, problem, max(LENGTHS))
        seconds[method.name] = (fitted - started, time.monotonic() - fitted)
        log_line("evaluate", "ranked", method=method.name, seconds=seconds[method.name][1], users=len(problem.given))
    names: dict[str, str | None] = {}
    measured = []
    for masked in (False, True):
        own = {name: one[masked] for name, one in lists.items()}
        name, measures = measure(problem, own, masked, baseline)
        names["masked" if masked else "unmasked"] = name
        measured.append(measures)
    return Results(
        problem=problem.name,
        protocol=problem.protocol,
        items=len(problem.items),
        users=len(problem.given),
        baselines=names,
        methods=[
            Result(m.name, m.parameters, *seconds[m.name], masked=measured[1][m.name], unmasked=measured[0][m.name])
            for m in methods
        ],
    )


def measure(
    problem: Problem, rankings: dict[str, Ranking], masked: bool, baseline: str | None = None
) -> tuple[str | None, dict[str, dict[str, Measure]]]:
    """Measure the lists of several methods. Returns the name of the baseline, and each method's measures by slice.

    New items are two slices: ranked among all items, and ranked among themselves, as the literature compares cold items
    ("out of matrix" in Wang & Blei, KDD 2011, section 4; Volkovs et al., DropoutNet, NeurIPS 2017). rankings: by
    method, as long as the longest of LENGTHS. baseline: as in `evaluate`.

    Raises DataError when no user can be measured.
    """
    whole = wanted(problem, masked)
    if not len(whole.users):
        raise DataError(
            f"{problem.name}: no user has anything to find{' that was not given' if masked else ''}: nothing to measure"
        )
    lists = {name: one.all for name, one in rankings.items()}
    users = _of_users(lists, whole)
    if baseline is None:
        baseline = _best_baseline({name: float(own[CHOICE].mean()) for name, own in users.items()})
    measures = {name: {"all": one} for name, one in _measures(users, baseline).items()}
    totals = _of_lists(problem, lists, whole)
    for name, own in measures.items():
        own["all"].metrics.update(totals[name])
    for part in slices(problem, whole):
        for name, one in _measures(_of_users(lists, part), baseline).items():
            measures[name][part.name] = one
        if part.name == NEW:
            among = {name: one.new for name, one in rankings.items()}
            for name, one in _measures(_of_users(among, part), baseline).items():
                measures[name][AMONG_NEW] = one
    return baseline, measures


def _best_baseline(reached: dict[str, float]) -> str | None:
    from jobs.evaluation.methods.choice import BASELINES

    return max((name for name in reached if name in BASELINES), key=lambda name: reached[name], default=None)


def _of_users(lists: dict[str, NDArray[np.int32]], part: Slice) -> dict[str, dict[str, NDArray[np.float64]]]:
    return {name: user_metrics(own[part.users], part.truth, LENGTHS) for name, own in lists.items()}


def _measures(users: dict[str, dict[str, NDArray[np.float64]]], baseline: str | None) -> dict[str, Measure]:
    """Return the means of the user metrics, and their differences from the baseline."""
    values = {name: np.stack(list(own.values()), axis=1) for name, own in users.items()}
    others = [name for name in users if baseline is not None and name != baseline]
    differences: dict[str, dict[str, Difference]] = {name: {} for name in users}
    if baseline is not None and others:
        apart = np.concatenate([values[name] - values[baseline] for name in others], axis=1)
        rows = np.stack([apart.mean(0), *intervals(apart)], axis=1).reshape(len(others), -1, 3)
        for name, own in zip(others, rows, strict=True):
            differences[name] = {
                metric: Difference(*map(float, row)) for metric, row in zip(users[name], own, strict=True)
            }
    return {
        name: Measure(
            users=len(values[name]),
            metrics=dict(zip(own, values[name].mean(0).tolist(), strict=True)),
            differences=differences[name],
        )
        for name, own in users.items()
    }


def _of_lists(
    problem: Problem, lists: dict[str, NDArray[np.int32]], whole: Slice
) -> dict[str, dict[str, float | None]]:
    """Return the metrics of all lists together, for each method."""
    n = len(problem.items)
    events = np.bincount(problem.train.items, minlength=n).astype(np.float64)
    attributes = problem.items.attribute_matrix()
    found: dict[str, dict[str, float | None]] = {name: {} for name in lists}
    for name, own in lists.items():
        for k in LENGTHS:
            top = own[whole.users, :k]
            exposed = exposure(top, n)
            found[name][f"coverage@{k}"] = coverage(exposed)
            found[name][f"gini@{k}"] = gini(exposed)
            found[name][f"novelty@{k}"] = novelty(exposed, events)
            found[name][f"diversity@{k}"] = diversity(top, attributes) if attributes.nnz else None
    return found
