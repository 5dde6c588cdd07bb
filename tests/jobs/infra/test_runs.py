"""Tables of a run are written whole or not at all."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from jobs.errors import MissingStepError
from jobs.infra import tables
from jobs.infra.runs import MADE_BY, Run

KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from jobs.infra.runs import Run
with Run(Path(sys.argv[1]), date(2026, 1, 2)).replacing("items") as path:
    path.mkdir()
    (path / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write(run: Run, text: str) -> None:
    with run.replacing("items") as path:
        path.mkdir()
        (path / "part").write_text(text)


def test_a_table_takes_the_place_of_the_one_before(tmp_path):
    run = Run(tmp_path, date(2026, 1, 2))
    for text in ("one", "two"):
        write(run, text)
        assert (run.existing("items") / "part").read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["items"]


def test_an_error_leaves_the_table_as_it_was(tmp_path):
    run = Run(tmp_path, date(2026, 1, 2))
    write(run, "one")
    with pytest.raises(FileNotFoundError), run.replacing("items") as path:
        (path / "folder that is not there" / "part").write_text("two")
    assert [p.name for p in tmp_path.iterdir()] == ["items"]
    assert (tmp_path / "items" / "part").read_text() == "one"


def test_a_kill_leaves_the_table_as_it_was_and_the_next_write_cleans_up(tmp_path):
    run = Run(tmp_path, date(2026, 1, 2))
    write(run, "one")
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, check=False)
    assert killed.returncode == -9
    assert (tmp_path / "items" / "part").read_text() == "one"
    write(run, "two")
    assert [p.name for p in tmp_path.iterdir()] == ["items"]


def test_every_table_of_a_run_has_the_job_that_makes_it():
    stated = [one for one in vars(tables).values() if isinstance(one, tables.RunTable)]
    of_a_model = [tables.MODEL_ITEMS, tables.MODEL_LABELS]
    assert not {one.name for one in stated if one not in of_a_model} - set(MADE_BY), "MADE_BY in jobs/infra/runs.py"


def test_a_missing_table_names_the_job_that_makes_it(tmp_path):
    run = Run(tmp_path, date(2026, 1, 2))
    with pytest.raises(MissingStepError, match="run `daybreak job topk --date 2026-01-02` first"):
        run.existing("user_topk")
