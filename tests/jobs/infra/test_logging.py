"""The log of the night: what a line looks like, as text and as JSON, and how a long loop tells how far it is."""

import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import ConfigError
from jobs.infra.logging import Progress, log_line

ROOT = Path(__file__).parents[3]
FACTS = {
    "date": date(2026, 1, 2),
    "rows": np.int64(12_345_678),
    "seconds": 1234.56,
    "loss": 0.123456,
    "share": np.float32(0.25),
    "why": 'a "b" c',
    "ok": True,
    "override": None,
    "bad": float("nan"),
}


def test_a_line_of_text(capsys):
    log_line("train", "not kept", **FACTS)
    line = capsys.readouterr().out
    assert re.fullmatch(
        r"daybreak \d\d:\d\d:\d\d train not kept date=2026-01-02 rows=12345678 seconds=1235 loss=0\.1235 share=0\.25 "
        r'why="a \\"b\\" c" ok=true override= bad=nan\n',
        line,
    )


def test_a_line_of_json(capsys, monkeypatch):
    monkeypatch.setenv("DAYBREAK_LOG", "json")
    log_line("train", "not kept", **FACTS)
    line = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("time"))
    assert line == {
        "job": "train",
        "event": "not kept",
        "date": "2026-01-02",
        "rows": 12_345_678,
        "seconds": 1234.56,
        "loss": 0.123456,
        "share": 0.25,
        "why": 'a "b" c',
        "ok": True,
        "override": None,
        "bad": "nan",
    }


def test_another_format_is_refused(monkeypatch):
    monkeypatch.setenv("DAYBREAK_LOG", "xml")
    with pytest.raises(ConfigError, match="DAYBREAK_LOG is 'xml'; expected 'text' or 'json'"):
        log_line("train", "start")


@pytest.mark.parametrize("form", ["text", "json"])
@given(text=st.text(alphabet=st.characters(codec=None), max_size=20))
def test_no_text_of_the_shop_ends_a_line_or_steers_a_terminal(form, text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAYBREAK_LOG", form)
        patch.setattr(sys, "stdout", out := io.StringIO())
        log_line("ingest", f"quarantine {text}", reason=text, file=f"b {text}")
    line = out.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    if form == "json":
        assert json.loads(line)["reason"] == text


def test_a_line_of_a_false_happening_stays_inside_its_fact(capsys):
    log_line("ingest", "quarantine", reason="x\r\ndaybreak 00:00:00 publish done\x1b[2K\u2028")
    assert capsys.readouterr().out.count("\n") == 1
    log_line("ingest", "quarantine", reason="x\ny z")
    assert 'reason="x\\ny z"\n' in capsys.readouterr().out


def test_progress_in_a_pipe_is_lines(capsys):
    progress = Progress("train", "progress", 4, every=0.05)
    progress.at(1)
    assert capsys.readouterr().out == ""
    time.sleep(0.1)
    progress.at(2, epoch=1)
    progress.at(3)
    assert re.fullmatch(r"daybreak \S+ train progress done=2 of=4 left_s=0 epoch=1\n", capsys.readouterr().out)


LOOP = """
import time
from jobs.infra import logging
logging.BAR_AFTER = 0.1
def loop(steps):
    progress = logging.Progress("train", "[red]steps", 4, every=0.0)
    for done in range(1, steps + 1):
        time.sleep(0.15)
        progress.at(done, epoch=7)
        logging.log_line("train", "step", n=done)
loop(4)
loop(2)
"""


def on_a_terminal(program: str, **environment: str) -> str:
    """What a program writes to a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120", **environment}
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=env, stdout=theirs) as process:
        os.close(theirs)
        said = bytearray()
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the program has ended
                break
        os.close(ours)
        assert process.wait(timeout=60) == 0
    return said.decode()


def test_progress_on_a_terminal_is_a_bar_that_goes_and_leaves_the_lines_whole():
    said = on_a_terminal(LOOP)
    assert "train [red]steps" in said
    assert "2/4" in said
    assert "epoch=7" in said
    assert "done=" not in said
    assert len(re.findall(r"daybreak \S+ train step n=\d", said)) == 6
    assert said.count("\x1b[?25l") == said.count("\x1b[?25h") == 2  # the cursor is hidden, and comes back


def test_progress_on_a_terminal_is_lines_where_a_program_reads():
    said = on_a_terminal(LOOP, DAYBREAK_LOG="json")
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["event"] for line in lines} == {"[red]steps", "step"}


def test_executors_log_too(spark):
    def task(n):
        out = io.StringIO()
        sys.stdout, before = out, sys.stdout
        log_line("topk", "task", n=n)
        Progress("topk", "rows", 1, every=0.0).at(1)
        sys.stdout = before
        return out.getvalue()

    for said in spark.sparkContext.parallelize(range(2), 2).map(task).collect():
        assert re.fullmatch(r"daybreak \S+ topk task n=\d\ndaybreak \S+ topk rows done=1 of=1 left_s=0\n", said)
