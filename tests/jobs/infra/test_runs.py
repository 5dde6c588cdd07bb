"""Tables of a run are written whole or not at all."""

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from jobs.errors import MissingStepError
from jobs.infra import tables
from jobs.infra.runs import MADE_BY, MADE_FROM, Run

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


def made(run: Run, *names: str) -> None:
    """Write tables and small files, one after the other."""
    for name in names:
        if name.endswith(".json"):
            run.write_json(name, {"of": name})
        else:
            with run.replacing(name) as path:
                path.mkdir()


NIGHT = ("events", "features.json", "items", "vectors", "user_vectors", "user_topk", "release.json")


@pytest.mark.parametrize(
    ("again", "stale", "job"),
    [
        (["events", "items"], "vectors", "embed_items"),  # `ingest` alone
        (["events"], "items", "ingest"),  # an ingest that was killed before its last table
        (["features.json"], "items", "ingest"),
        (["vectors"], "user_vectors", "embed_users"),
        (["vectors", "user_vectors"], "user_topk", "topk"),
        (["user_topk"], "release.json", "build"),
    ],
)
def test_tables_that_are_not_made_of_each_other_name_the_job_to_run(tmp_path, again, stale, job):
    run = Run(tmp_path, date(2026, 1, 2))
    made(run, *NIGHT)
    assert run.read_json("release.json") == {"of": "release.json"}
    made(run, *again)
    with pytest.raises(MissingStepError, match=rf"{stale} was not made from the .*daybreak job {job} --date"):
        run.existing("release.json")
    assert run.read_json("release.json", checked=False) == {"of": "release.json"}
    made(run, *NIGHT[NIGHT.index(again[-1]) + 1 :])
    run.existing("release.json")


def test_a_table_that_takes_the_place_of_one_is_another_one(tmp_path):
    """The same folder, put there by hand, by an older Daybreak or from another run."""
    run, other = Run(tmp_path / "a", date(2026, 1, 2)), Run(tmp_path / "b", date(2026, 1, 2))
    made(run, *NIGHT)
    made(other, *NIGHT)
    shutil.rmtree(run.path("items"))
    shutil.copytree(other.path("items"), run.path("items"))
    with pytest.raises(MissingStepError, match="daybreak job ingest"):
        run.existing("user_topk")
    shutil.rmtree(run.path("items"))
    run.path("items").mkdir()
    with pytest.raises(MissingStepError, match="daybreak job embed_items"):
        run.existing("user_topk")


def test_tables_of_an_older_daybreak_have_no_mark_and_are_taken_as_they_are(tmp_path):
    run = Run(tmp_path, date(2026, 1, 2))
    for name in ("items", "vectors"):
        run.path(name).mkdir()
    made(run, "user_vectors", "user_topk")
    assert run.existing("user_topk") == run.path("user_topk")


def test_every_table_stands_after_what_it_is_made_from():
    for place, (name, inputs) in enumerate(MADE_FROM.items()):
        assert name in MADE_BY
        assert set(inputs) <= {*list(MADE_FROM)[:place], *(one for one, job in MADE_BY.items() if job == "ingest")}
