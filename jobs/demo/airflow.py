"""Airflow on this machine, for the demo: its files in `.airflow/`, SQLite, the DAGs of this checkout.

`python -m jobs.demo.airflow` starts the web interface and the scheduler; `make airflow` calls it. They listen on the
loopback interface alone and want a login. `airflow standalone` is not used: its two log servers listen on every
interface, and no setting changes that.

AIRFLOW_HOME names another folder for Airflow's own files, DAYBREAK_CONFIG another configuration than the demo's.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / ".demo" / "complete_journey.toml"
DATE = "2018-01-02"
"""The demo's night: the data end in the first hours of 2018-01-01."""

LOCAL_SPARK = '{"conn_type": "spark", "host": "local[*]"}'
POOL = ["pools", "set", "daybreak", "1", "One job of Daybreak at a time"]
PARTS = (
    ("api-server",),
    ("scheduler", "--skip-serve-logs"),
    ("dag-processor",),
    ("triggerer", "--skip-serve-logs"),
)
"""The processes of Airflow, as arguments of its command. They read the logs of tasks from the disk."""
PASSWORDS = "passwords.json"
"""The file in Airflow's home with the password of its user `admin`."""
PRIVATE = 0o077
"""The umask: the logs and tables of a night are for this user alone."""
GRACE_SECONDS = 15.0
"""How long Airflow's processes may take to end."""


def configure() -> None:
    """Put the demo's configuration into place; one that is there already is kept, changed or not."""
    CONFIG.parent.mkdir(exist_ok=True)
    if not CONFIG.exists():
        shutil.copyfile(Path(__file__).with_name("complete_journey.toml"), CONFIG)


def environment(home: Path = ROOT / ".airflow", config: Path = CONFIG, day: str = DATE) -> dict[str, str]:
    """The environment of Airflow's processes; a Spark connection that the caller's environment names is kept.

    home: where Airflow keeps its own files. config: the configuration of runs that name none. day: the date of runs
    that name none; empty: the day of the run.
    """
    tools, home = Path(sys.executable).parent, home.absolute()
    return {
        "AIRFLOW_CONN_DAYBREAK_SPARK": LOCAL_SPARK,
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / PASSWORDS),
        "AIRFLOW__API__HOST": "127.0.0.1",
        # No ports, so that the log servers cannot start where somebody forgets `--skip-serve-logs`.
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "-1",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": "-1",
        "DAYBREAK_CONFIG": str(config.absolute()),
        "DAYBREAK_DATE": day,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": sys.executable,
    }


def prepare(env: dict[str, str]) -> None:
    """Make or update Airflow's database and the pool of the DAGs.

    Raises subprocess.CalledProcessError, with what Airflow printed in `output`.
    """
    for command in (["db", "migrate"], POOL):
        subprocess.run(
            ["airflow", *command], env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def chosen() -> dict[str, str]:
    """The environment of Airflow's processes, with the folder and the configuration that the caller's one names."""
    home = Path(os.environ.get("AIRFLOW_HOME") or ROOT / ".airflow")
    named = os.environ.get("DAYBREAK_CONFIG")
    if named is None:
        configure()
        return environment(home)
    return environment(home, Path(named), os.environ.get("DAYBREAK_DATE", ""))


def make_password(home: Path) -> Path:
    """Write a password for the user `admin`, where there is none yet; returns the file, which only this user reads."""
    path = home / PASSWORDS
    home.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(0o600)
        path.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}) + "\n")
    return path


def run_all(parts: Sequence[Sequence[str]], env: dict[str, str]) -> int:
    """Run processes of Airflow until Ctrl-C or until one of them ends, which ends the others; returns the exit code."""
    started = [subprocess.Popen(["airflow", *part], env=env) for part in parts]
    try:
        while all(process.poll() is None for process in started):
            time.sleep(0.5)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        for process in started:
            process.terminate()
        end = time.monotonic() + GRACE_SECONDS
        for process in started:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> int:
    """Start Airflow; returns its exit code."""
    os.umask(PRIVATE)
    variables = chosen()
    prepare(variables)
    password = make_password(Path(variables["AIRFLOW_HOME"]))
    print(f"airflow: http://127.0.0.1:8080 in a minute; log in as admin, with the password in {password}")
    print("airflow: unpause a DAG and trigger it; Ctrl-C ends it", flush=True)
    return run_all(PARTS, variables)


if __name__ == "__main__":
    sys.exit(main())
