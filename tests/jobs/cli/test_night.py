"""The commands of the night: which jobs they start, and the receipt that a scheduler reads."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from jobs.cli.main import main
from jobs.cli.night.doctor import _files
from jobs.config.loader import load
from jobs.infra.runs import Run
from jobs.night import JOBS, WITHOUT_SPARK, left_to_run
from tests.jobs.cli.understood import understood
from tests.other_user import as_nobody, only_root
from tests.releases import make_release
from tests.run_tables import Sizes

TOML = '[items]\nfiles="i"\nitem_id="i"\n[[events]]\nfiles="e"\nuser_id="u"\nitem_id="i"\ntime="t"\n'


GOLDEN = sorted((Path(__file__).parents[2] / "dags" / "golden").glob("*.txt"))
"""The commands that the DAGs render."""


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "daybreak.toml").write_text(TOML)
    return str(tmp_path / "daybreak.toml")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What the commands start: the jobs, their configuration, the Spark master, and whether they go on."""
    calls: list[tuple] = []
    monkeypatch.setattr("jobs.cli.night.job.end_with_parent", lambda: None)
    for name in ("run", "job"):
        monkeypatch.setattr(f"jobs.cli.night.{name}.start", lambda *what, resume: calls.append((*what, resume)))
    return calls


def test_run_starts_every_job_in_order(config: str, started: list[tuple]) -> None:
    assert main(["run", "--config", config, "--date", "2026-11-22", "--full", "false"]) == 0
    ((jobs, settings, master, resume),) = started
    assert (jobs, master, resume) == (list(JOBS), "local[*]", False)
    assert (settings.date, settings.full, settings.warm_start) == (date(2026, 11, 22), False, False)


def test_a_night_without_a_date_is_todays(config: str, started: list[tuple]) -> None:
    before = datetime.now(UTC).date()
    assert main(["run", "--config", config]) == 0
    assert before <= started[0][1].date <= datetime.now(UTC).date()


def test_a_submitted_job_leaves_the_master_to_spark_submit(config: str, started: list[tuple]) -> None:
    words = ["train", "--config", config, "--date", "2026-11-22", "--full", "true"]
    assert main(["job", "--submitted", *words]) == 0
    assert main(["job", *words, "--master", "local[2]"]) == 0
    assert [(jobs, master, settings.full) for jobs, settings, master, _ in started] == [
        (["train"], None, True),
        (["train"], "local[2]", True),
    ]


def test_several_jobs_run_in_the_order_of_the_night(config: str, started: list[tuple]) -> None:
    words = ["--config", config, "--date", "2026-11-22"]
    assert main(["job", "publish", "train_text", "train", "--resume", "--older", *words]) == 0
    assert main(["job", "train", "topk", "--older", *words]) == 2
    assert [(jobs, settings.older, resume) for jobs, settings, _, resume in started] == [
        (["train", "train_text", "publish"], True, True)
    ]


@pytest.mark.parametrize(
    ("ended", "left"),
    [
        ("", "bcd"),
        ("a", "bcd"),
        ("abc", "d"),
        ("abcd", "bcd"),  # all ended: whoever starts them wants them anew
        ("abcda", "bcd"),  # what they read was made anew
        ("abcdb", "cd"),  # a new try broke off in c
        ("abdc", "d"),
        ("abd", "cd"),
    ],
)
def test_another_try_goes_on_with_the_first_job_that_did_not_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended: str, left: str
) -> None:
    """ended: the jobs in the order in which they ended; b, c and d are tried again."""
    monkeypatch.setattr("jobs.night.JOBS", dict.fromkeys("abcd", ""))
    run = Run(tmp_path, date(2026, 11, 22))
    for minute, name in enumerate(ended):
        run.write_json(f"receipts/{name}.json", {"job": name, "ended": f"2026-11-22T03:{minute:02}:00.000+00:00"})
    assert left_to_run("bcd", run) == list(left)


def test_ctrl_c_ends_with_130(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*what: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.cli.night.run.start", interrupted)
    assert main(["run", "--config", config]) == 130


def test_spark_submit_starts_a_program_that_finds_its_packages(config: str, tmp_path: Path) -> None:
    """A wrong date is told before Spark is opened, so that this test needs none."""
    program = Path(sys.modules["jobs"].__path__[0]) / "submit.py"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, str(program), "train", "--config", config, "--date", "x", "--full", "false"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 2
    assert "'x' is not a day" in done.stderr


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_what_the_dags_render_is_understood(file: Path) -> None:
    lines = file.read_text().split("\n")
    task = file.stem.split(".")[1]
    if lines[0].endswith("/daybreak"):
        found = understood(list(filter(None, lines[1:])))
        assert (found.command == task == "receipt") or found.options["names"] == [task]
    else:
        program = next(n for n, line in enumerate(lines) if line.endswith("jobs/submit.py"))
        found = understood(["job", "--submitted", *filter(None, lines[program + 1 :])])
        assert found.options["names"]
        assert found.options["submitted"] is found.options["resume"] is True
        assert found.options["full"] is (lines[lines.index("--full") + 1] == "true")
    assert found.options["config"] == Path("/srv/shop/daybreak.toml")
    assert found.options["night"] == date(2026, 11, 22)


def receipt(folder: Path) -> dict:
    """A run of which one job is done; returns what its receipt says."""
    run = folder / "work" / "runs" / "2026-11-22"
    (run / "receipts").mkdir(parents=True)
    job = {"job": "ingest", "seconds": 1.5, "peak_mib": 900, "ended": "2026-11-22T03:15:00.000+00:00", "items": 1200}
    (run / "receipts" / "ingest.json").write_text(json.dumps(job))
    metrics = [{"method": "daybreak", "metric": "ndcg@10", "value": 0.25, "users": 3000}]
    (run / "metrics.json").write_text(json.dumps({"metrics": metrics}))
    return {"date": "2026-11-22", "release": None, "metrics": metrics, "receipts": [job]}


def test_a_scheduler_reads_the_receipt_as_one_line_of_json(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = receipt(tmp_path)
    for more in ([], ["--json"]):
        assert main(["receipt", "--config", config, "--date", "2026-11-22", *more]) == 0
        assert capsys.readouterr().out == json.dumps(expected, sort_keys=True) + "\n"


def test_a_receipt_without_a_date_is_the_newest(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["receipt", "--config", config]) == 5
    assert "no night ran yet" in capsys.readouterr().err
    receipt(tmp_path)
    for name in ("2026-11-21", "2026-11-23", "9999-notes"):
        (tmp_path / "work" / "runs" / name).mkdir()
    (tmp_path / "work" / "runs" / "2026-11-21" / "receipts").mkdir()
    (tmp_path / "work" / "runs" / "9999-notes" / "receipts").mkdir()
    assert main(["receipt", "--config", config]) == 0
    assert json.loads(capsys.readouterr().out)["date"] == "2026-11-22"


def test_jobs_without_spark_start_none(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, object]] = []
    monkeypatch.setattr("jobs.night.run_job", lambda name, spark, settings: ran.append((name, spark)))
    monkeypatch.setitem(sys.modules, "pyspark", None)
    for name in sorted(WITHOUT_SPARK):
        assert main(["job", name, "--config", config]) == 0
    assert ran == [("build", None), ("index_search", None), ("publish", None), ("validate", None)]


def test_a_night_begins_with_what_the_machine_lacks(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/no/such/java")
    monkeypatch.setattr("jobs.infra.machine.preflight.LEAST_FREE", 2**62)
    assert main(["run", "--config", config]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("daybreak: ") for line in lines)
    assert [line.split(": ")[1] for line in lines[1:]] == ["Java", "work", "releases", "patch log", "temporary files"]


@only_root
def test_doctor_tells_which_file_of_the_shop_this_user_cannot_read(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    settings = replace(load(Path(config), date(2026, 1, 5)), base=Path())
    Path("i").touch()
    Path("e").touch()
    Path("i").chmod(0o600)
    Path("e").chmod(0o644)  # whatever the umask
    told = as_nobody(lambda: [(one.name, one.found, one.problem) for one in _files(settings)])
    problem = "i: not readable: Permission denied: give this user the right to read it"
    assert told == str([("files of items", "none", problem), ("files of events 1", "1 file", "")])


def test_an_older_night_is_refused_before_it_is_computed(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_release(tmp_path, night=date(2026, 1, 5), sizes=Sizes(items=20, users=5))
    assert main(["run", "--config", config, "--date", "2026-01-04"]) == 4
    assert "--older" in capsys.readouterr().err
    assert main(["job", "train", "--config", config, "--older"]) == 2
    assert "--older is for" in capsys.readouterr().err


def test_a_person_reads_the_receipt_as_tables(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt(tmp_path)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["receipt", "--config", config, "--date", "2026-11-22"]) == 0
    out = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert "night of 2026-11-22, no release built" in out
    assert re.search(r"ingest +1\.5 +900 +2026-11-22T03:15:00\.000\+00:00 +items 1,200", out)
    assert re.search(r"daybreak +ndcg@10 +0\.2500 +3,000", out)
