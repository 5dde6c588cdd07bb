"""The search itself, on a figure that costs nothing."""

import signal
import subprocess
import sys

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from jobs.errors import ConfigError, DataError
from jobs.evaluation.tuning.study import NEAR, best, finished, importance, opened, search

SPACE = {"train.a": FloatDistribution(0.0, 4.0), "train.b": FloatDistribution(0.01, 1.0, log=True)}
START = {"train.a": 1.0, "train.b": 0.5}
FACTS = {"preset": "sequence", "train.half_lives": [1.0, 0.0], "masked": True}


def parabola(trial: optuna.Trial, report) -> float:
    return 5.0 - (trial.params["train.a"] - 3.0) ** 2


def run(file, trials: int, measure=parabola, seed: int = 0, **more) -> bool:
    with opened(file, FACTS) as study:
        return search(study, SPACE, START, measure, seed=seed, trials=trials, **more)


def trials(file) -> list[optuna.trial.FrozenTrial]:
    with opened(file, FACTS) as study:
        return study.get_trials()


def tried(file) -> list[dict[str, float]]:
    return [one.params for one in trials(file)]


def test_the_search_starts_from_the_preset_and_improves(tmp_path):
    assert run(tmp_path / "study", 20)
    with opened(tmp_path / "study", FACTS) as study:
        assert study.trials[0].params == START
        top = best(study)
        assert top.value == max(one.value for one in study.trials)
        assert top.value > study.trials[0].value
        shares = importance(study)
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) == "train.a"


def test_the_first_trials_are_near_the_preset(tmp_path):
    """A step of a tenth of the range, on the scale of the setting: seldom more than three of them."""
    run(tmp_path / "study", NEAR)
    a = np.array([one["train.a"] for one in tried(tmp_path / "study")[1:]])
    b = np.log10([one["train.b"] for one in tried(tmp_path / "study")[1:]])
    assert 0 < abs(a - 1.0).max() < 1.6
    assert 0 < abs(b - np.log10(0.5)).max() < 0.8
    assert b.max() <= 0.0  # within the bounds
    assert len(set(a)) == NEAR - 1


def test_a_study_that_was_left_goes_on_as_it_would_have(tmp_path):
    run(tmp_path / "at once", 12)  # of which the last two are not drawn at random
    for total in (1, 4, 4, 12):
        run(tmp_path / "left", total)
    assert tried(tmp_path / "left") == tried(tmp_path / "at once")
    assert len({one["train.a"] for one in tried(tmp_path / "left")}) == 12
    run(tmp_path / "other", 2, seed=1)
    assert tried(tmp_path / "other")[0] == START
    assert tried(tmp_path / "other")[1] != tried(tmp_path / "left")[1]


def test_a_killed_trial_is_failed_and_the_study_goes_on(tmp_path):
    """Killed while it measures the preset's own values: they are tried again."""
    hang = (
        "from tests.jobs.evaluation.tuning.test_study import run\nfrom pathlib import Path\nimport sys, time\n"
        "def hang(trial, report):\n    print('hanging', flush=True)\n    time.sleep(600)\n"
        "run(Path(sys.argv[1]), 3, hang)"
    )
    file = tmp_path / "study"
    with subprocess.Popen([sys.executable, "-c", hang, str(file)], stdout=subprocess.PIPE, text=True) as process:
        assert any("hanging" in line for line in process.stdout)
        with pytest.raises(ConfigError, match="another `daybreak tune` works on this study"):
            run(file, 3)
        process.send_signal(signal.SIGKILL)
    run(file, 3)
    found = trials(file)
    assert [one.state for one in found] == [TrialState.FAIL, *[TrialState.COMPLETE] * 3]
    assert found[0].params == found[1].params == START


def test_a_trial_worse_than_the_others_is_pruned(tmp_path):
    def halting(trial, report) -> float:
        for step in range(1, 6):
            report(step, trial.number * (-1.0 if trial.number > 5 else 1.0))
        return float(trial.number)

    run(tmp_path / "median", 7, halting)
    found = trials(tmp_path / "median")
    assert [one.state for one in found] == [*[TrialState.COMPLETE] * 6, TrialState.PRUNED]
    assert list(found[-1].intermediate_values) == [1, 2]
    with opened(tmp_path / "threshold", FACTS) as study:
        study.pruner = optuna.pruners.ThresholdPruner(lower=2.5)
        search(study, SPACE, START, halting, seed=0, trials=4)
        assert [one.state.name for one in study.trials] == ["PRUNED"] * 3 + ["COMPLETE"]
        assert best(study).number == 3
        assert importance(study) == {}


def test_settings_that_diverge_are_passed_over(tmp_path):
    def diverging(trial, report) -> float:
        if trial.number == 1:
            raise DataError("100 of them NaN")
        return 1.0

    run(tmp_path / "study", 3, diverging)
    assert [one.state.name for one in trials(tmp_path / "study")] == ["COMPLETE", "PRUNED", "COMPLETE"]


def test_an_interrupted_search_keeps_what_it_has(tmp_path):
    def interrupted(trial, report) -> float:
        if trial.number == 2:
            raise KeyboardInterrupt
        return parabola(trial, report)

    assert not run(tmp_path / "study", 5, interrupted)
    assert [one.state.name for one in trials(tmp_path / "study")] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert run(tmp_path / "study", 5)
    with opened(tmp_path / "study", FACTS) as study:
        assert len(finished(study)) == 5


def test_when_the_time_is_over_no_trial_begins(tmp_path):
    assert run(tmp_path / "study", 5, seconds=0.0)
    assert [one.state for one in trials(tmp_path / "study")] == [TrialState.WAITING]


def test_a_study_of_something_else_is_refused(tmp_path):
    run(tmp_path / "study", 1)
    with (
        pytest.raises(
            ConfigError, match=r"study is a study with train.half_lives = \[1.0, 0.0\], not \[2.0\]: its fig"
        ),
        opened(tmp_path / "study", FACTS | {"train.half_lives": [2.0]}),
    ):
        pass
    (tmp_path / "text").write_text("no database, but a text " * 100)
    with pytest.raises(ConfigError, match="text is not a study of `daybreak tune`"), opened(tmp_path / "text", FACTS):
        pass
    with pytest.raises(ConfigError, match="there is no folder"), opened(tmp_path / "no" / "study", FACTS):
        pass
