"""The peak memory in a job's receipt is that of its largest process, whichever it is."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jobs.infra.machine import memory

CHILD = "block = bytearray(300 << 20); print('ready', flush=True); input()"
PARENT = f"""
import subprocess, sys
from jobs.infra.machine.memory import peak_mib
print(peak_mib())
with subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=-1, stdout=-1, text=True) as child:
    child.stdout.readline()
    print(peak_mib())
    child.communicate("\\n")
print(peak_mib())
"""


def test_children_are_counted_while_they_run_and_after():
    root = Path(__file__).parents[4]
    out = subprocess.run([sys.executable, "-c", PARENT], cwd=root, check=True, capture_output=True, text=True).stdout
    alone, beside, after = map(int, out.split())
    assert 5 < alone < 200
    assert 300 <= beside < 600
    assert 300 <= after < 600


class Java(psutil.Process):
    """This test's parent, under the name that Spark's JVM has."""

    def name(self) -> str:
        return "java"


def test_under_spark_submit_the_jvm_and_its_workers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {process.pid for process in memory._family()}
    parent = psutil.Process().ppid()
    monkeypatch.setattr(psutil.Process, "parent", lambda process: Java(process.ppid()))
    family = {process.pid for process in memory._family()}
    assert alone | {parent} <= family
    assert parent not in alone


def test_a_process_that_has_ended_counts_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        process = psutil.Process(child.pid)
        child.wait(timeout=60)
    assert memory._peak(process) == 0
