"""`daybreak tune`: a search for a preset's settings, on validation data alone.

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

from jobs.cli.quality import suite
from jobs.config import presets
from jobs.config.presets.settings import Preset, read
from jobs.errors import ConfigError
from jobs.evaluation.harness import CHOICE, LENGTHS
from jobs.evaluation.problems.problem import Problem
from jobs.evaluation.tuning.objective import Set
from jobs.evaluation.tuning.preset_file import preset_file
from jobs.evaluation.tuning.space import SettingKind, changed, space, value
from jobs.evaluation.tuning.study import PRESET, Report, best, finished, importance, opened, search

METRICS = tuple(f"{name}@{k}" for name in ("recall", "ndcg", "mrr", "hit_rate") for k in LENGTHS)
FIGURES = "figures"
"""Attribute of a trial: the figure of each set."""


@dataclass(frozen=True)
class TuneOptions:
    """What the command line asks for."""

    preset: str
    study: Path
    """The file that keeps it."""
    trials: int = 50
    """Finished ones in the study, those of earlier calls included."""
    seconds: float | None = None
    """After so many no trial begins."""
    seed: int = 0
    metric: str = CHOICE
    masked: bool | None = None
    """None: where people do not take a thing again (`train.repeat` 0)."""
    epochs: int | None = None
    """In place of the preset's."""
    day: date | None = None
    """Of a shop: its events from this day on are left for the test."""
    days: int = 14
    """Of a shop: how many days before `day` are measured on."""
    out: Path | None = None
    """Where the preset that was found is written."""
    master: str = "local[*]"


def tune(folders: Sequence[Path], choice: TuneOptions) -> bool:
    """Search settings that are best in the mean over some sets, and print them as a preset; False if interrupted.

    Progress goes to standard error.

    Raises ConfigError or DataError, naming the file, when something is not as expected.
    """
    if choice.metric not in METRICS:
        raise ConfigError(f"--metric: unknown metric {choice.metric!r}; expected one of {', '.join(METRICS)}")
    if choice.out is not None and not choice.out.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {choice.out.parent}")
    start = read(choice.preset)
    if choice.epochs is not None:
        start = replace(start, train=replace(start.train, epochs=choice.epochs))
    masked = not start.train.repeat if choice.masked is None else choice.masked
    with redirect_stdout(sys.stderr):
        plan = _Plan(choice, start, masked, [_validation(folder, choice) for folder in folders])
        with opened(choice.study, plan.facts()) as study:
            sets = [Set.of(problem, start, choice.metric, masked) for problem in plan.problems]
            bounds = space(SettingKind(start, any(any(problem.items.texts) for problem in plan.problems)))

            def measure(trial: optuna.Trial, report: Report) -> float:
                return _mean(choice.preset, changed(start, trial.params), sets, trial, report)

            whole = search(
                study,
                bounds,
                {key: value(start, key) for key in bounds},
                measure,
                seed=choice.seed,
                trials=choice.trials,
                seconds=choice.seconds,
            )
            top = best(study)
            found = top and plan.found(study, top)
    if found:
        print(found, end="")
        if choice.out is not None:
            choice.out.write_text(found, encoding="utf-8")
    return whole


def _validation(folder: Path, choice: TuneOptions) -> Problem:
    """What is measured on: of a shop, the last days before `choice.day`, in a run that knows nothing later."""
    first = choice.day and choice.day - timedelta(days=choice.days)
    return suite.problem(folder, suite.EvaluateOptions(part="valid", day=first, days=choice.days, master=choice.master))


def _mean(name: str, preset: Preset, sets: Sequence[Set], trial: optuna.Trial, report: Report) -> float:
    """The mean figure of settings over the sets, one fitted after the other. What is reported on the way is the part of
    this mean that the sets before and the unfinished one make up: at the same step of all trials the same.
    """
    figures: list[float] = []
    epochs = preset.train.epochs

    def after(epoch: int, figure: float) -> None:
        report(len(figures) * epochs + epoch, (sum(figures) + figure) / len(sets))

    for one in sets:
        figures.append(one.measure(name, preset, after))
        trial.set_user_attr(FIGURES, figures)
    return sum(figures) / len(sets)


@dataclass(frozen=True)
class _Plan:
    """What is searched on what."""

    choice: TuneOptions
    start: Preset
    masked: bool
    problems: Sequence[Problem]

    def facts(self) -> dict[str, Any]:
        """What makes figures comparable."""
        sections = {"train": vars(self.start.train), "embed": vars(self.start.embed)}
        return {
            "preset": self.choice.preset,
            "metric": self.choice.metric,
            "masked": self.masked,
            "seed": self.choice.seed,
            "sets": [
                f"{one.name}: {len(one.given)} users, {len(one.items)} items, {len(one.train.items)} events"
                for one in self.problems
            ],
        } | {f"{section}.{name}": fact for section, table in sections.items() for name, fact in table.items()}

    def found(self, study: optuna.Study, top: FrozenTrial) -> str:
        """The file of the preset with the values of a trial, and notes of how they were found."""
        preset, done = changed(self.start, top.params), finished(study)
        values: dict[str, float] = {
            key: value(preset, key) for key in top.params if value(preset, key) != value(self.start, key)
        }
        if self.choice.epochs is not None:
            values["train.epochs"] = self.choice.epochs
        own = [one.value for one in done if PRESET in one.user_attrs and one.state == TrialState.COMPLETE]
        before = f"; before {own[0]:.4f}" if own else ""
        figures = zip(self.problems, top.user_attrs[FIGURES], strict=True)
        pruned = sum(one.state == TrialState.PRUNED for one in done)
        history = "masked" if self.masked else "not masked"
        notes = [
            f"{self.choice.metric}, history {history}, on validation: {top.value:.4f}{before}",
            "of " + ", ".join(f"{problem.name} {figure:.4f}" for problem, figure in figures),
            f"trial {top.number}, the best of {len(done)}, {pruned} of them pruned; seed {self.choice.seed}",
        ]
        shares = importance(study)
        if shares:
            notes.append("importance " + ", ".join(f"{key} {share:.2f}" for key, share in shares.items()))
        return preset_file(presets.text(self.choice.preset), values, notes)
