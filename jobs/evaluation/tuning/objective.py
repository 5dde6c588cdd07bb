"""The objective of the search: fit a model with some settings on one set, and measure its lists."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.config.presets.settings import Preset
from jobs.errors import DataError
from jobs.evaluation.harness import LENGTHS, ranked
from jobs.evaluation.methods.daybreak import Daybreak, text_vectors
from jobs.evaluation.metrics.ranking import user_metrics
from jobs.evaluation.problems.problem import Method, Problem
from jobs.evaluation.slices import wanted
from jobs.infra.logging import log_line

SAMPLE = 4000
"""Users to measure after each epoch; after the fit all users count."""


@dataclass(frozen=True)
class Set:
    """A set to measure on, with all that its fits share."""

    problem: Problem
    sample: Problem
    """The same problem with at most SAMPLE measured users."""
    texts: NDArray[np.float32]
    """The text vectors of the items, by `text_vectors`."""
    metric: str
    """A metric of users, such as "ndcg@10"."""
    masked: bool

    @classmethod
    def of(cls, problem: Problem, preset: Preset, metric: str, masked: bool) -> "Set":
        """Make a set of a problem, with text vectors by the preset's text model.

        Raises DataError when no user can be measured.
        """
        users = wanted(problem, masked).users
        if not len(users):
            raise DataError(f"{problem.name}: no user has anything to find: nothing to measure")
        log_line("tune", "set", name=problem.name, users=len(users), items=len(problem.items))
        rows = np.unique(users[np.linspace(0, len(users) - 1, min(SAMPLE, len(users))).astype(np.int64)])
        return cls(problem, problem.with_users(rows), text_vectors(problem.items.texts, preset.embed), metric, masked)

    def measure(self, name: str, preset: Preset, after: Callable[[int, float], None]) -> float:
        """Return the figure of settings on all users. name: the preset that they come from.

        after: called after every epoch with its number, from 1, and the figure so far. That figure is of the sample of
        users, and without item transitions, which a fit finds last. An error in it ends the fit.
        """
        method = Daybreak(name, preset.train, preset.embed)

        def after_epoch(epoch: int) -> None:
            after(epoch, figure(method, self.sample, self.metric, self.masked))

        method.fit(self.problem, texts=self.texts, after=after_epoch)
        return figure(method, self.problem, self.metric, self.masked)


def figure(method: Method, problem: Problem, metric: str, masked: bool) -> float:
    """Return a metric's mean over the measured users of a fitted method, as `jobs.evaluation.harness` does."""
    whole = wanted(problem, masked)
    lists = ranked(method, problem, max(LENGTHS), masked=masked)
    return float(user_metrics(lists[whole.users], whole.truth, LENGTHS)[metric].mean())
