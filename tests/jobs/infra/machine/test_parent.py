"""A driver ends with the process that started it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]

DRIVER = """
from jobs.infra.machine.parent import end_with_parent
end_with_parent()
print("computes", flush=True)
try:
    while True:
        sum(range(1000))
finally:
    print("ended well", flush=True)
"""
STARTER = f"""
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in the background
subprocess.run([sys.executable, "-c", {DRIVER!r}])
"""


def test_a_driver_ends_well_when_the_process_that_started_it_is_killed() -> None:
    """Its output ends with it, which a `communicate` waits for."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert starter.stdout.readline() == "computes\n"
    starter.kill()
    out, _ = starter.communicate(timeout=30)
    assert out == "ended well\n"
