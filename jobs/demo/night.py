"""The demo's night: the real DAG, run once in this terminal by `airflow dags test`."""

import re
import subprocess
import sys

from jobs.demo.airflow import CONFIG, DATE, environment, prepare

LOG = CONFIG.parent / "night.log"

# Airflow prints a line of a job as `<time> [info ] <line> [<logger>] loc=<where>`.
EVENT = re.compile(r"\[\w+ *\] (daybreak[: ].*?)\s+\[airflow\.task\.hooks\.")
FAILED = re.compile(r"new_state=(up_for_retry|failed)\b")


def run() -> bool:
    """Run the DAG, showing the events of the jobs as they come and writing everything to `LOG`; says if all went well.

    A task that fails ends it: here nobody wants to wait for the retry that the DAG would make in five minutes.
    """
    env = environment()
    try:
        prepare(env)
    except subprocess.CalledProcessError as error:
        LOG.write_text(error.output)
        return False
    command = ["airflow", "dags", "test", "daybreak_precompute", DATE]
    with (
        LOG.open("w") as log,
        subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as airflow,
    ):
        assert airflow.stdout is not None
        for line in airflow.stdout:
            log.write(line)
            if event := EVENT.search(line):
                print(event[1], flush=True)
            if FAILED.search(line):
                airflow.kill()
                return False
    return airflow.returncode == 0


def explain() -> None:
    """Print what is known of a night that failed, to standard error."""
    lines = LOG.read_text(errors="replace").splitlines()
    print("\n".join(lines[-30:]), file=sys.stderr)
    print(f"\nThe demo's night failed. Above are the last lines of {LOG}.", file=sys.stderr)
