"""What Airflow makes of the DAGs, as JSON: a process of its own, so that Airflow's settings stay out of the tests'.

`python -m tests.dags.describe` prints it; `python -m tests.dags.describe tests/dags/golden` writes the golden files.
"""

import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DAGS = Path(__file__).parents[2] / "dags"

# Paths that stand in the golden files in place of this machine's.
SETTINGS = {
    "AIRFLOW_CONN_DAYBREAK_SPARK": '{"conn_type": "spark", "host": "spark://spark.example:7077"}',
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "DAYBREAK_CONFIG": "/srv/shop/daybreak.toml",
    "DAYBREAK_HOME": "/opt/daybreak",
    "PYSPARK_PYTHON": "/opt/venv/bin/python",
}

NIGHT = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
TRAINED = {"config": "/srv/shop/trained.toml", "date": "2026-11-20"}
"""What a run of `daybreak_train` hands on."""
RUNS: dict[str, dict[str, Any]] = {
    "scheduled": {"logical_date": NIGHT, "run_after": NIGHT, "params": {}},
    "asset": {"logical_date": None, "run_after": LATER, "params": {}, "events": [TRAINED]},
    "other_asset": {"logical_date": None, "run_after": LATER, "params": {}, "events": [{}]},
    "given": {
        "logical_date": NIGHT,
        "run_after": NIGHT,
        "params": {
            "config": "/srv/shop/other shop.toml",
            "date": "2018-01-02",
            "full": True,
            "older": True,
            "override": "Ada Lovelace",
            "reason": "we know",
        },
    },
    "relative": {"logical_date": NIGHT, "run_after": NIGHT, "params": {"config": "shop/daybreak.toml"}},
}


def command(task: Any, run: dict[str, Any]) -> list[str]:
    """What a task of a run starts, one argument a line, after the environment that it sets."""
    task = task.prepare_for_execution()
    params = {**task.dag.params.dump(), **run["params"]}
    events = [SimpleNamespace(extra=extra, timestamp=n) for n, extra in enumerate(run.get("events", []))]
    context = {"params": params, "dag_run": SimpleNamespace(**run), "triggering_asset_events": {"model": events}}
    task.render_template_fields(context)
    if task.task_type == "Command":
        lines = task.command()
    else:
        lines = [f"{k}={v}" for k, v in task.env_vars.items()]
        lines += task._get_hook()._build_spark_submit_command(task.application)
    return [line.replace(str(Path(sys.executable).parent), "/opt/venv/bin") for line in lines]


def first_run(dag: Any) -> str:
    """When the scheduler would start the first run of a DAG that is unpaused now."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    return dag.next_dagrun_info(last_automated_run_info=None).run_after.isoformat()


def describe() -> dict[str, Any]:
    """Load the DAGs as Airflow does."""
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = BundleDagBag(dag_folder=DAGS, bundle_path=DAGS, bundle_name="dags-folder")
    return {
        "errors": bag.import_errors,
        "dags": {
            dag.dag_id: {
                "catchup": dag.catchup,
                "doc_md": dag.doc_md,
                "max_active_runs": dag.max_active_runs,
                "params": {name: dag.params[name] for name in dag.params},
                "first_run_after": first_run(dag),
                "start_date": dag.start_date and dag.start_date.isoformat(),
                "schedule": DagSerialization.serialize_dag(dag)["timetable"],
                "tasks": {
                    task.task_id: {
                        "after": sorted(task.upstream_task_ids),
                        "outlets": [o.name for o in task.outlets],
                        "pool": task.pool,
                        "retries": task.retries,
                        "retry_delay": task.retry_delay.total_seconds(),
                        "timeout": task.execution_timeout.total_seconds(),
                        "commands": {name: command(task, run) for name, run in RUNS.items()},
                    }
                    for task in dag.topological_sort()
                },
            }
            for dag in bag.dags.values()
        },
    }


def golden(facts: dict[str, Any]) -> dict[str, str]:
    """The golden files: name → content, the commands of a scheduled run."""
    return {
        f"{dag_id}.{task_id}.txt": "\n".join(task["commands"]["scheduled"]) + "\n"
        for dag_id, dag in facts["dags"].items()
        for task_id, task in dag["tasks"].items()
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(SETTINGS, AIRFLOW_HOME=home)
        found = describe()
    if len(sys.argv) > 1:
        for name, text in golden(found).items():
            (Path(sys.argv[1]) / name).write_text(text)
    else:
        print(json.dumps(found))
