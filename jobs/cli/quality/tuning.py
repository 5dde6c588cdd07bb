"""The search of `daybreak tune`: on validation data alone, of one set or of several.

Of a public set the part "valid" is measured on; of a shop the days before a date, of a run that knows nothing later.
Nothing here can name another part.
"""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from jobs.cli.quality.problems import problem
from jobs.config import presets
from jobs.config.learning import TrainConfig
from jobs.config.presets.settings import Preset, read
from jobs.config.toml import fill
from jobs.errors import ConfigError
from jobs.evaluation.harness import LENGTHS
from jobs.evaluation.problems.problem import Problem
from jobs.evaluation.tuning.objective import Set
from jobs.evaluation.tuning.preset_file import preset_file
from jobs.evaluation.tuning.space import SettingKind, changed, space, value
from jobs.evaluation.tuning.study import PRESET, Report, best, finished, importance, opened, search

METRICS = tuple(f"{name}@{k}" for name in ("recall", "ndcg", "mrr", "hit_rate") for k in LENGTHS)
FIGURES = "figures"
"""Attribute of a trial: the figure of each set."""


@dataclass(frozen=True)
class Tuning:
    """What is searched, and on what."""

    name: str
    """Of the preset."""
    start: Preset
    """The preset, with the epochs that are wanted."""
    metric: str
    masked: bool
    """Lists leave out what a user bought or viewed before."""
    problems: Sequence[Problem]

    def search(self, file: Path, *, seed: int, trials: int, seconds: float | None) -> tuple[str | None, bool]:
        """Search until the study in a file has so many trials, or the seconds are over. Logs to standard error.

        Returns the best settings so far as the text of a preset, None where no trial ended; and False where the search
        was interrupted.

        Raises ConfigError when the file is no study, or one of something else.
        """
        with redirect_stdout(sys.stderr), opened(file, self._facts(seed)) as study:
            sets = [Set.of(one, self.start, self.metric, self.masked) for one in self.problems]
            bounds = space(SettingKind(self.start, any(any(one.items.texts) for one in self.problems)))
            whole = search(
                study,
                bounds,
                {key: value(self.start, key) for key in bounds},
                lambda trial, report: self._mean(sets, trial, report),
                seed=seed,
                trials=trials,
                seconds=seconds,
            )
            top = best(study)
            return self._found(study, top, seed) if top else None, whole

    def _mean(self, sets: Sequence[Set], trial: optuna.Trial, report: Report) -> float:
        """The mean figure of a trial's settings over the sets, which are fitted one after the other.

        After each epoch it reports the part of this mean that the sets before and the unfinished one make up: the same
        part at the same step of all trials.
        """
        preset = changed(self.start, trial.params)
        figures: list[float] = []

        def after(epoch: int, figure: float) -> None:
            report(len(figures) * preset.train.epochs + epoch, (sum(figures) + figure) / len(sets))

        for one in sets:
            figures.append(one.measure(self.name, preset, after))
            trial.set_user_attr(FIGURES, figures)
        return sum(figures) / len(sets)

    def _facts(self, seed: int) -> dict[str, Any]:
        """What makes figures comparable."""
        sections = {"train": vars(self.start.train), "embed": vars(self.start.embed)}
        return {
            "preset": self.name,
            "metric": self.metric,
            "masked": self.masked,
            "seed": seed,
            "sets": [
                f"{one.name}: {len(one.given)} users, {len(one.items)} items, {len(one.train.items)} events"
                for one in self.problems
            ],
        } | {f"{section}.{name}": fact for section, table in sections.items() for name, fact in table.items()}

    def _found(self, study: optuna.Study, top: FrozenTrial, seed: int) -> str:
        """The file of the preset with the values of a trial, and notes that say how they were found."""
        preset, done = changed(self.start, top.params), finished(study)
        values: dict[str, float] = {
            key: value(preset, key) for key in top.params if value(preset, key) != value(self.start, key)
        }
        if self.start.train.epochs != read(self.name).train.epochs:
            values["train.epochs"] = self.start.train.epochs
        own = [one.value for one in done if PRESET in one.user_attrs and one.state == TrialState.COMPLETE]
        before = f"; before {own[0]:.4f}" if own else ""
        figures = zip(self.problems, top.user_attrs[FIGURES], strict=True)
        pruned = sum(one.state == TrialState.PRUNED for one in done)
        history = "masked" if self.masked else "not masked"
        notes = [
            f"{self.metric}, history {history}, on validation: {top.value:.4f}{before}",
            "of " + ", ".join(f"{one.name} {figure:.4f}" for one, figure in figures),
            f"trial {top.number}, the best of {len(done)}, {pruned} of them pruned; seed {seed}",
        ]
        shares = importance(study)
        if shares:
            notes.append("importance " + ", ".join(f"{key} {share:.2f}" for key, share in shares.items()))
        return preset_file(presets.text(self.name), values, notes)


def tuning_of(
    folders: Sequence[Path],
    name: str,
    metric: str,
    *,
    masked: bool | None = None,
    epochs: int | None = None,
    end: date | None = None,
    days: int = 14,
    master: str,
) -> Tuning:
    """A search over public sets and shops, from the preset of a name. Logs to standard error.

    masked: None means where people do not take an item again (`train.repeat` is 0). epochs: of every fit, None: the
    preset's. end, days: of a shop; the `days` before `end` are measured on, and nothing from `end` on is read.

    Raises ConfigError or DataError, naming the option or the file, when something is not as expected.
    """
    if metric not in METRICS:
        raise ConfigError(f"--metric: unknown metric {metric!r}; expected one of {', '.join(METRICS)}")
    start = read(name)
    if epochs is not None:
        start = replace(start, train=fill(TrainConfig, vars(start.train) | {"epochs": epochs}, "--epochs"))
    first = end and end - timedelta(days=days)
    with redirect_stdout(sys.stderr):
        found = [problem(folder, part="valid", split=first, days=days, master=master) for folder in folders]
    return Tuning(name, start, metric, not start.train.repeat if masked is None else masked, found)
