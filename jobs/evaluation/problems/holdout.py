"""The last of what is known, held out: a problem made of another's training events alone, to choose settings on."""

import numpy as np

from jobs.evaluation.problems.problem import Histories, Problem, distinct
from jobs.evaluation.problems.split import TimedEvents, split

DAYS = 14
"""In timed data so many days are held out."""


def held_out(problem: Problem, sample: int, *, days: int = DAYS, seed: int = 7) -> Problem | None:
    """Make a problem from the training events of another one: their last part is to be found from what was before.

    The last part is, in timed data, the last `days` days; in other ordered data the last basket (or item) of each user.
    Unordered data have none: None. sample: at most so many users are measured, drawn by the seed.

    None as well where no user has events on both sides.
    """
    train = problem.train
    if not problem.ordered or not len(train.items):
        return None
    made = _split_by_time(problem, days) if problem.timed else _without_last(problem)
    return None if made is None else _sampled(made, sample, seed)


def _split_by_time(problem: Problem, days: int) -> Problem | None:
    train = problem.train
    t = np.floor(train.days.max()) + 1.0 - days
    before = train.days < t
    if not np.isin(train.users[~before], train.users[before]).any():
        return None
    events = TimedEvents(train.users, train.items, train.days, train.weights)
    return split(problem.name, problem.items, events, t, days)


def _without_last(problem: Problem) -> Problem | None:
    train, users = problem.train, problem.train.users
    last = np.full(len(train), -1.0)
    last[train.lengths > 0] = train.days[train.offsets[1:][train.lengths > 0] - 1]
    wanted = train.days == last[users]
    kept = _only(train, ~wanted)
    measured = np.flatnonzero(kept.lengths > 0)
    if not len(measured):
        return None
    row = np.full(len(train), -1)
    row[measured] = np.arange(len(measured))
    answers = wanted & (row[users] >= 0)
    return Problem(
        name=problem.name,
        protocol=problem.protocol,
        items=problem.items,
        train=kept.rows(measured),
        given=kept.rows(measured),
        given_at=last[measured],
        truth=distinct(row[users[answers]], len(measured), train.items[answers]),
        ordered=True,
    )


def _only(events: Histories, chosen: np.ndarray) -> Histories:
    """Keep some events of every user. chosen: bool (E,)."""
    lengths = np.bincount(events.users[chosen], minlength=len(events))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Histories(offsets, events.items[chosen], events.days[chosen], events.weights[chosen])


def _sampled(problem: Problem, sample: int, seed: int) -> Problem:
    if len(problem.given) <= sample:
        return problem
    return problem.with_users(np.sort(np.random.default_rng(seed).choice(len(problem.given), sample, replace=False)))
