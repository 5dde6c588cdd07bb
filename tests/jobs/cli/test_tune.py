"""`daybreak tune`, as a person uses it: on small sets whose sequences go round in a circle, with jumps."""

import dataclasses
import tomllib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import optuna
import polars as pl
import pytest

from jobs.cli.main import main
from jobs.cli.quality import tune as cli_tune
from jobs.config.presets.settings import Preset
from jobs.config.toml import fill
from jobs.evaluation.harness import evaluate
from jobs.evaluation.methods.daybreak import Daybreak
from jobs.evaluation.problems import sets
from jobs.evaluation.tuning.objective import SAMPLE, Set

ITEMS = 20


def sequences(folder: Path, seed: int, users: int = 40) -> Path:
    """A set of sequences."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    lengths = rng.integers(4, 9, users)
    lines = [(rng.integers(ITEMS) + np.arange(n) + rng.choice([0, 0, 7], n)) % ITEMS + 1 for n in lengths]
    lines[0][:2] = ITEMS, 1  # whatever the test's events are, all items are there
    (folder / "sequences.txt").write_text(
        "\n".join(" ".join(map(str, [n, *one])) for n, one in enumerate(lines)) + "\n"
    )
    return folder


def tune(study: Path, *words: object, trials: int = 3) -> int:
    return main(["tune", "--epochs", "2", *map(str, words), "--study", str(study), "--trials", str(trials)])


def figures(study: Path) -> list[float]:
    return [one.value for one in optuna.load_study(study_name=None, storage=f"sqlite:///{study}").trials]


def preset(text: str) -> Preset:
    return fill(Preset, tomllib.loads(text), "", "")


def test_what_is_found_is_a_preset_that_reaches_what_is_said(tmp_path, capsys):
    folder, study, out = sequences(tmp_path / "set", 0), tmp_path / "study", tmp_path / "found.toml"
    assert tune(study, folder, "--preset", "sequence", "--out", out) == 0
    printed, err = capsys.readouterr()
    assert printed == out.read_text()
    assert err.count("tune told n=") == 3
    found = preset(printed)
    assert found.train.epochs == 2
    results = evaluate(sets.read(folder, "valid"), [Daybreak("sequence", found.train, found.embed)])
    best = max(figures(study))
    assert results.methods[0].masked["all"].metrics["ndcg@10"] == pytest.approx(best, abs=1e-12)
    assert f"# tuned: ndcg@10, history masked, on validation: {best:.4f}; before {figures(study)[0]:.4f}" in printed
    assert tune(study, folder, "--preset", "sequence", trials=4) == 0
    assert capsys.readouterr().err.count("tune told n=") == 1
    assert tune(tmp_path / "at once", folder, "--preset", "sequence", trials=4) == 0
    assert figures(tmp_path / "at once") == figures(study)


def test_of_two_sets_the_mean_counts(tmp_path, capsys):
    folders = [sequences(tmp_path / "one", 0), sequences(tmp_path / "two", 1)]
    words = ["--preset", "sequence", "--metric", "recall@5", "--unmasked"]
    for name, own in (("both", folders), ("one.db", folders[:1]), ("two.db", folders[1:])):
        assert tune(tmp_path / name, *own, *words, trials=1) == 0
    one, two = figures(tmp_path / "one.db"), figures(tmp_path / "two.db")
    assert figures(tmp_path / "both") == pytest.approx([(one[0] + two[0]) / 2])
    out = capsys.readouterr().out
    assert f"# tuned: recall@5, history not masked, on validation: {(one[0] + two[0]) / 2:.4f}" in out
    assert f"# tuned: of one {one[0]:.4f}, two {two[0]:.4f}" in out


@pytest.mark.parametrize("protocol", ["sequences", "fixed"])
def test_the_events_of_the_test_change_nothing(tmp_path, protocol):
    rng, shuffled = np.random.default_rng(2), tmp_path / "other" / "set"
    folder = sequences(tmp_path / "set", 0)
    shuffled.mkdir(parents=True)
    rows = [line.split() for line in (folder / "sequences.txt").read_text().splitlines()]
    if protocol == "sequences":
        moved = [[*row[:-1], str(rng.integers(1, ITEMS + 1))] for row in rows]
        assert moved != rows
        (shuffled / "sequences.txt").write_text("\n".join(map(" ".join, moved)) + "\n")
    else:
        (folder / "sequences.txt").unlink()
        parts = {"train": [row[:-2] for row in rows], "valid": [[row[0], row[-2]] for row in rows]}
        for to, last in ((folder, [[row[0], row[-1]] for row in rows]), (shuffled, [[row[0], "1"] for row in rows])):
            for name, lines in (parts | {"test": last}).items():
                (to / f"{name}.txt").write_text("\n".join(map(" ".join, lines)) + "\n")
    words = ["--preset", "sequence" if protocol == "sequences" else "sparse"]
    assert tune(tmp_path / "study", folder, *words, trials=2) == 0
    assert tune(tmp_path / "again", shuffled, *words, trials=2) == 0
    assert figures(tmp_path / "study") == figures(tmp_path / "again")


def test_of_a_shop_nothing_is_read_from_its_date_on(spark, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jobs.infra.spark.open_session", lambda *_: spark)
    monkeypatch.setattr(type(spark), "stop", lambda self: None)
    rng, end = np.random.default_rng(3), date(2026, 2, 1)
    days = rng.integers(-30, 10, 200)
    rows = {"user": rng.integers(0, 8, 200), "item": rng.integers(0, 9, 200), "days": days}
    events = pl.DataFrame(rows).unique(maintain_order=True)
    at = [(end + timedelta(day)).isoformat() for day in events["days"]]
    events.with_columns(at=pl.Series(at)).write_csv(tmp_path / "events.csv")
    pl.DataFrame({"id": range(9)}).write_csv(tmp_path / "items.csv")
    (tmp_path / "daybreak.toml").write_text(
        '[items]\nfiles="items.csv"\nitem_id="id"\n'
        '[[events]]\nfiles="events.csv"\nuser_id="user"\nitem_id="item"\ntime="at"\n'
    )
    study = tmp_path / "study"
    assert tune(study, tmp_path, "--preset", "repeat") == 2
    assert "--date YYYY-MM-DD" in capsys.readouterr().err
    assert tune(study, tmp_path, "--preset", "repeat", "--date", "2026-02-01", "--days", "7", trials=1) == 0
    assert "# tuned: ndcg@10, history not masked, on validation: " in capsys.readouterr().out
    read = pl.read_parquet(tmp_path / "work" / "runs" / "*" / "events" / "**" / "*.parquet")
    assert len(read) == len(events.filter(pl.col("days") < 0)) < len(events)
    assert read["time"].max().date() < end
    early = events.filter(pl.col("days") < -7)
    users = set(early["user"]) & set(events.filter(pl.col("days").is_between(-7, -1))["user"])
    sets_of = optuna.load_study(study_name=None, storage=f"sqlite:///{study}").user_attrs["facts"]["sets"]
    assert sets_of == [f"{tmp_path.name} 2026-01-25: {len(users)} users, 9 items, {len(early)} events"]


def test_a_sample_of_the_users_is_measured_after_an_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.evaluation.tuning.objective.SAMPLE", 7)
    found = sets.read(sequences(tmp_path / "set", 0), "valid")
    made = Set.of(found, Preset(), "ndcg@10", masked=True)
    assert len(made.sample.given) == len(made.sample.truth.offsets) - 1 == 7 < len(found.given) < SAMPLE
    rows = np.flatnonzero(np.isin(np.arange(len(found.given)), np.linspace(0, len(found.given) - 1, 7).astype(int)))
    np.testing.assert_array_equal(made.sample.given.items, found.given.rows(rows).items)
    np.testing.assert_array_equal(made.sample.truth.items, found.truth.items[rows])
    np.testing.assert_array_equal(made.sample.given_at, found.given_at[rows])
    assert dataclasses.replace(made.sample, given=found.given, given_at=found.given_at, truth=found.truth) == found


def test_an_interrupted_search_prints_the_best_so_far(tmp_path, capsys, monkeypatch):
    calls = []

    def interrupted(self, name, settings, after) -> float:
        calls.append(name)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return 0.25

    monkeypatch.setattr(Set, "measure", interrupted)
    assert tune(tmp_path / "study", sequences(tmp_path / "set", 0), "--preset", "sequence") == cli_tune.INTERRUPTED
    assert "on validation: 0.2500; before 0.2500" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "grocer"], "no preset 'grocer'; there are repeat"),
        (["--preset", "sequence", "--metric", "ndcg@11"], "unknown metric 'ndcg@11'; expected one of recall@5"),
        (["--preset", "sequence", "--seconds", "0"], "--seconds must be more than 0"),
        (
            ["--preset", "sequence", "--epochs", "10001"],
            "--epochs: epochs must be a whole number from 1 to 10,000, not",
        ),
        (["--preset", "sequence", "--seed", "-1"], "--seed must be 0 or more"),
        (["--preset", "sequence", "--out", "no/such/folder/found.toml"], "--out: there is no folder no/such/folder"),
    ],
)
def test_mistakes_have_one_line_and_an_exit_code(tmp_path, capsys, words, message):
    assert tune(tmp_path / "study", tmp_path, *words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("daybreak: ")
