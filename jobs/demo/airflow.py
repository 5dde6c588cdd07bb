"""Airflow on this machine, for the demo: its files in `.airflow/`, SQLite, the DAGs of this checkout.

`python -m jobs.demo.airflow` starts the web interface and the scheduler; `make airflow` calls it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / ".demo" / "complete_journey.toml"
DATE = "2018-01-02"
"""The demo's night: the data end in the first hours of 2018-01-01."""

LOCAL_SPARK = '{"conn_type": "spark", "host": "local[*]"}'
POOL = ["pools", "set", "daybreak", "1", "One job of Daybreak at a time"]


def configure() -> None:
    """Put the demo's configuration into place; one that is there already is kept, changed or not."""
    CONFIG.parent.mkdir(exist_ok=True)
    if not CONFIG.exists():
        shutil.copyfile(Path(__file__).with_name("complete_journey.toml"), CONFIG)


def environment(home: Path = ROOT / ".airflow", config: Path = CONFIG) -> dict[str, str]:
    """The environment of Airflow's processes; a Spark connection that the caller's environment names is kept.

    home: where Airflow keeps its own files. config: the configuration of runs that name none.
    """
    tools = Path(sys.executable).parent
    return {
        "AIRFLOW_CONN_DAYBREAK_SPARK": LOCAL_SPARK,
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Nobody has to log in, and nobody from another machine can.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "DAYBREAK_CONFIG": str(config),
        "DAYBREAK_DATE": DATE,
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


if __name__ == "__main__":
    configure()
    variables = environment()
    prepare(variables)
    print(
        "airflow: http://127.0.0.1:8080 in a minute, no login; unpause a DAG and trigger it; Ctrl-C ends it", flush=True
    )
    os.execvpe("airflow", ["airflow", "standalone"], variables)
