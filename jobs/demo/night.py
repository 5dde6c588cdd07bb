"""The demo's night: the real DAG, run once in this terminal by `airflow dags test`."""

import re
import subprocess
import sys
from pathlib import Path

from jobs.demo.airflow import DATE

# Airflow prints a line of a job as `<time> [info ] <line> [<logger>] loc=<where>`.
EVENT = re.compile(r"\[\w+ *\] (daybreak[: ].*?)\s+\[airflow\.task\.hooks\.")
FAILED = re.compile(r"new_state=(up_for_retry|failed)\b")


def run(env: dict[str, str], log: Path) -> bool:
    """Run the DAG; print the events of the jobs as they come and write everything to `log`; say whether all went well.

    env: see `jobs.demo.airflow.environment`. A task that fails ends it: nobody wants to sit through the five minutes
    after which the DAG would try again.
    """
    command = ["airflow", "dags", "test", "daybreak_precompute", DATE]
    with (
        log.open("w") as out,
        subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as airflow,
    ):
        assert airflow.stdout is not None
        for line in airflow.stdout:
            out.write(line)
            if event := EVENT.search(line):
                _show(event[1])
            if FAILED.search(line):
                airflow.kill()
                return False
    return airflow.returncode == 0


def _show(event: str) -> None:
    """Print an event. On a terminal, how far a job is (see `jobs.infra.logging.Progress`) stands only until the next
    line."""
    if not sys.stdout.isatty():
        print(event, flush=True)
    else:
        fleeting = re.search(r"done=\d+ of=\d+", event)
        print(f"\x1b[2K{event}", end="\r" if fleeting else "\n", flush=True)  # clears the line first
