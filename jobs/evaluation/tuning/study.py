"""The search: an Optuna study in a file. A search that stops continues later from the file.

Sampling: the first trials are near the start, because it was chosen with care and most of the space is bad; then comes
TPE (Bergstra et al., NIPS 2011, section 4). Pruning: a trial ends when its best figure so far is below the median of
the completed trials at the same step (as in Golovin et al., KDD 2017, section 3.2.2).
"""

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError

from jobs.errors import ConfigError, DataError
from jobs.infra.logging import log_line

Report = Callable[[int, float], None]
"""A trial calls it with a rising step and the figure there; it raises `optuna.TrialPruned` to end the trial."""
NAME = "daybreak"
FACTS, PRESET = "facts", "preset"
"""Names of Optuna attributes: the facts of a study, and the mark of the trial with the values of the start."""
UNPRUNED, WARM_UP = 5, 2
"""No trial is pruned before this many trials are complete, nor before this many of its own steps."""
NEAR = 10
"""The first trials are near the start, the start among them: as many as TPE would draw from the whole space."""
STEP = 0.1
"""Standard deviation of a setting near the start, as a share of its range, on its scale."""
LEAST = 20
"""The importance of settings needs this many completed trials."""


@contextmanager
def opened(file: Path, facts: dict[str, Any]) -> Iterator[optuna.Study]:
    """Open the study in an SQLite file, or make one. Trials that were killed become failed.

    facts: what makes figures comparable, in JSON's types; a study keeps the facts of its first run.

    Raises ConfigError when the file is no study, or a study with other facts, or another process uses it.
    """
    if not file.parent.is_dir():
        raise ConfigError(f"{file}: there is no folder {file.parent} to keep the study in")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"{file}: another `daybreak tune` works on this study; wait, or name another file"
            ) from None
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
            pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=WARM_UP)
            study = optuna.create_study(
                study_name=NAME, storage=storage, direction="maximize", pruner=pruner, load_if_exists=True
            )
        except DatabaseError as error:
            raise ConfigError(f"{file} is not a study of `daybreak tune`: {error.orig}; name another file") from None
        try:
            _check(study, facts, file)
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                study.tell(trial.number, state=TrialState.FAIL)
                log_line("tune", "killed", trial=trial.number, state="failed")
            yield study
        finally:
            storage.engine.dispose()


def _check(study: optuna.Study, facts: dict[str, Any], file: Path) -> None:
    facts = json.loads(json.dumps(facts))
    if FACTS not in study.user_attrs:
        study.set_user_attr(FACTS, facts)
    for name, old in study.user_attrs[FACTS].items():
        if facts.get(name) != old:
            raise ConfigError(
                f"{file} is a study with {name} = {json.dumps(old)}, not {json.dumps(facts.get(name))}: its figures do "
                "not compare; name another file"
            )


def search(
    study: optuna.Study,
    space: dict[str, FloatDistribution],
    start: dict[str, float],
    measure: Callable[[optuna.Trial, Report], float],
    *,
    seed: int,
    trials: int,
    seconds: float | None = None,
) -> bool:
    """Try settings until the study has `trials` finished trials, pruned ones included; False if interrupted (Ctrl-C).

    space, start: by key, the bounds and the values near which the search begins. measure: returns the figure of a
    trial's `params`. seed: each trial draws from it and from its own number, so a study that stopped continues as if it
    had not. seconds: no trial begins later than this.
    """
    if not any(PRESET in one.user_attrs and one.state != TrialState.FAIL for one in study.get_trials(deepcopy=False)):
        study.enqueue_trial(start, user_attrs={PRESET: True})
    began = time.monotonic()
    while len(finished(study)) < trials and (seconds is None or time.monotonic() - began < seconds):
        number = len(study.get_trials(deepcopy=False))
        drawn = np.random.SeedSequence([seed, number])
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=NEAR, seed=int(drawn.generate_state(1)[0]))
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if not waiting and len(finished(study)) < NEAR:
            study.enqueue_trial(near(space, start, np.random.default_rng(drawn)))
        trial = study.ask({**space})
        log_line("tune", "trial", n=trial.number, **{key.split(".")[1]: value for key, value in trial.params.items()})
        at = time.monotonic()
        try:
            study.tell(trial, measure(trial, _reporter(trial)))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        except DataError as error:  # some scores are not numbers: such settings are as bad as any
            log_line("tune", "diverged", n=trial.number, why=str(error))
            study.tell(trial, state=TrialState.PRUNED)
        except KeyboardInterrupt:
            study.tell(trial, state=TrialState.FAIL)
            log_line("tune", "interrupted", n=trial.number)
            return False
        told = study.get_trials(deepcopy=False)[trial.number]
        top = best(study)
        log_line(
            "tune",
            "told",
            n=trial.number,
            state=told.state.name.lower(),
            figure=told.value,
            best=top and top.value,
            of_trial=top and top.number,
            seconds=time.monotonic() - at,
            finished=len(finished(study)),
            of=trials,
        )
    return True


def near(space: dict[str, FloatDistribution], start: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    """Draw values near the start, by key: each takes a normal step on its scale, within its bounds."""
    values = {}
    for key, bounds in space.items():
        forth, back = (np.log, np.exp) if bounds.log else (float, float)
        low, high = forth(bounds.low), forth(bounds.high)
        value = float(back(forth(start[key]) + STEP * (high - low) * rng.normal()))
        values[key] = min(max(value, bounds.low), bounds.high)
    return values


def _reporter(trial: optuna.Trial) -> Report:
    def report(step: int, figure: float) -> None:
        trial.report(figure, step)
        log_line("tune", "step", n=trial.number, step=step, figure=figure)
        if trial.should_prune():
            raise optuna.TrialPruned

    return report


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were completed or pruned."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def best(study: optuna.Study) -> FrozenTrial | None:
    """Return the completed trial with the highest figure, the first of equal ones; None where none is complete."""
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(completed, key=lambda one: one.value or 0.0, default=None)


def importance(study: optuna.Study) -> dict[str, float]:
    """Return how much each setting decides whether a trial is among the best: shares of 1, the largest first.

    By PED-ANOVA (Watanabe et al., IJCAI 2023), over completed trials; empty for fewer than LEAST of them.
    """
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < LEAST:
        return {}
    return optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
