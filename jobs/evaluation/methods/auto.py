"""Daybreak with the preset that it chooses itself, as nights do with `preset = "auto"`."""

import numpy as np
from numpy.typing import NDArray

from jobs.config.presets import AUTO
from jobs.evaluation.methods.daybreak import Daybreak
from jobs.evaluation.problems.holdout import held_out
from jobs.evaluation.problems.problem import Histories, Problem
from jobs.evaluation.tuning import kind


class Auto:
    """The preset that is best on the last training events, fitted to all of them."""

    name = f"daybreak {AUTO}"
    parameters = 0

    def fit(self, problem: Problem) -> None:
        """Choose on `train` alone, and fit. Raises ConfigError when the text model cannot be loaded."""
        self.choice = kind.choose(held_out(problem, kind.MEASURED), ordered=problem.ordered)
        self._chosen = Daybreak(self.choice.preset)
        self._chosen.fit(problem)
        self.parameters = self._chosen.parameters

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        return self._chosen.scores(given, at)
