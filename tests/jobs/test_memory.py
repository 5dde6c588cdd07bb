"""The peak memory in a job's receipt is that of its largest process, whichever it is."""

import subprocess
import sys

from jobs.memory import peak_mib

CHILD = "block = bytearray(400 << 20); print('ready', flush=True); input()"


def test_a_child_that_runs_is_counted():
    before = peak_mib()
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert peak_mib() >= max(before, 400)
        child.communicate("\n")
    assert before > 10
