"""What the tasks of the DAGs do, as JSON: a process of its own, so that Airflow's settings stay out of the tests'.

`python -m tests.dags.behave FOLDER` runs them against programs in the folder that stand for `spark-submit` and
`daybreak`: they print and end as the environment says.
"""

import json
import logging
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.dags.describe import DAGS, SETTINGS

STAND_IN = """#!{python}
import os, sys
print("\\n".join(sys.argv[1:]))
print(os.environ["SAYS"])
sys.exit(int(os.environ["ENDS"]))
"""

CONFIG = """
[spark]
"spark.driver.memory" = "5g"
"spark.driver.extraJavaOptions" = "-Dx=1"
"spark.hadoop.fs.s3a.secret.key" = "hush"
"spark.executor.memory" = "9g"
"""


def stand_in(folder: Path) -> None:
    """Put the programs, the configuration and the module of alerts into a folder."""
    for name in ("spark-submit", "daybreak"):
        (folder / name).write_text(STAND_IN.format(python=sys.executable))
        (folder / name).chmod(0o755)
    (folder / "shop.toml").write_text(CONFIG)
    manual = (DAGS / "README.md").read_text(encoding="utf-8")
    (folder / "alerts_of_the_manual.py").write_text(manual.partition("```python\n")[2].partition("```")[0])


def outcome(task: Any, says: str, ends: int, context: dict[str, Any] | None = None) -> list[str]:
    """The kind and the text of the error that a task ends with; "done" and what it returns where it ends with none."""
    os.environ.update(SAYS=says, ENDS=str(ends))
    try:
        return ["done", json.dumps(task.execute(context or {"outlet_events": {}}))]
    except Exception as error:
        return [type(error).__name__, str(error)]


def refused(check: Any, *given: Any) -> list[str]:
    """The kind and the text of the error that a check raises; "passed" where it raises none."""
    try:
        check(*given)
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["passed", ""]


def run_of(kind: str, late: timedelta, date: str | None = None) -> dict[str, Any]:
    """The context of a run that was to start on the night of 22 November 2026."""
    night = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
    run = SimpleNamespace(run_type=kind, logical_date=night, run_after=night, start_date=night + late)
    return {"dag_run": run, "params": {"date": date}}


def handed(config: str) -> dict[str, Any]:
    """The asset's events of a training with a configuration."""
    return {"model": [SimpleNamespace(extra={"config": config}, timestamp=1)]}


def temporary(tasks: Any) -> list[Any]:
    """What is added to the environment of spark-submit for some folders of temporary files."""
    folder, own = tempfile.tempdir, {"JDK_JAVA_OPTIONS": "-Djava.io.tmpdir=/x"}
    try:
        found = []
        for tempfile.tempdir, env in (("/tmp", {}), ('/srv/a "b"', {"SPARK_SUBMIT_OPTS": "-Xss4m"}), ("/srv", own)):
            found.append(tasks.temporary_files(env))
        return found
    finally:
        tempfile.tempdir = folder


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.levelname, record.getMessage()))


def behave(folder: Path) -> dict[str, Any]:
    """Run the tasks."""
    stand_in(folder)
    sys.path[:0] = [str(DAGS), str(folder)]
    import daybreak_common as common
    import daybreak_tasks as tasks

    submitted, command = common.spark_jobs("lists", ["topk"], full="false"), common.job("validate")
    config = str(folder / "shop.toml")
    submitted.application_args = ["topk", "--config", config, "--date", "2026-11-22"]
    traced = common.spark_jobs("lists", ["topk"], full="false")  # a task keeps what its tries printed
    traced.application_args = submitted.application_args
    command.words = ["job", "validate"]
    tasks.Command.command = lambda self: [str(folder / "daybreak"), *self.words]
    trained = common.spark_jobs("train", ["train"], full="true", outlets=[common.MODEL])
    trained.application_args = ["train", "--config", config, "--date", "2026-11-22"]
    event = SimpleNamespace(extra=None)
    lines = Lines()
    logging.getLogger("airflow.task").addHandler(lines)
    tasks.last_word({"exception": ValueError("daybreak: why")})
    return {
        "submitted": {n: outcome(submitted, "daybreak: the reason\nspark noise", n) for n in range(8)},
        "conf": submitted.conf,
        "trace": outcome(traced, "no room\n  at org.apache.Spark.run(Spark.scala:7)\n  ... 9 more", 1),
        "temporary": temporary(tasks),
        "command": {n: outcome(command, "noise\ndaybreak: the reason", n) for n in (1, 4)},
        "receipt": outcome(command, '{"date": "2026-11-22"}', 0),
        "mute": outcome(command, "", 4),
        "trained": outcome(trained, "", 0, {"outlet_events": {common.MODEL: event}}),
        "handed_on": event.extra,
        "runs": {
            "in time": refused(common.check_run, run_of("scheduled", timedelta(hours=5))),
            "late": refused(common.check_run, run_of("scheduled", timedelta(hours=9))),
            "late by hand": refused(common.check_run, run_of("manual", timedelta(days=9))),
            "backfill": refused(common.check_run, run_of("backfill", timedelta(days=9))),
            "fixed backfill": refused(common.check_run, run_of("backfill", timedelta(), "2018-01-02")),
            "own backfill": refused(common.check_run, run_of("backfill", timedelta(), "2026-11-22")),
        },
        "dates": {
            str(text): refused(common.PARAMS["date"].resolve, text)[0]
            for text in (None, "2017-01-31", "2017-13-41", "2017-02-30", "", "today", "2017-1-1", 20170131)
        },
        "configs": {text: refused(common.PARAMS["config"].resolve, text)[0] for text in ("/srv/shop/a.toml", "")},
        "handed": {
            text: refused(common.config_of, {}, handed(text))[0] for text in ("/srv/shop/b.toml", "/etc/c.toml")
        },
        "last word": lines.found,
        "checked": [
            name for name in ("ingest", "train") if common.spark_jobs(name, [name], full="false")._pre_execute_hook
        ],
        "alerts": [type(one).__name__ for one in common.TOLD],
        "deadline": common.SAFETY["deadline"].interval.total_seconds(),
    }


if __name__ == "__main__":
    place = Path(sys.argv[1])
    os.environ.update(
        SETTINGS,
        AIRFLOW_HOME=str(place / "airflow"),
        DAYBREAK_ALERTS="alerts_of_the_manual",
        PATH=f"{place}{os.pathsep}{os.environ['PATH']}",
    )
    print(json.dumps(behave(place)))
