"""
### The night

Makes a release of recommendations from the files of the shop and publishes it. One task is one job:

| task | does |
|---|---|
| `ingest` | reads the shop's files into checked tables; bad rows go to quarantine |
| `train` | trains the behaviour model, where none is young enough or the run is *full* |
| `embed_items`, `embed_users` | compute a vector for every item and every active user |
| `topk` | computes the lists: recommendations, similar items, popular items |
| `train_ranker` | learns from what was shown and bought to rank by price, stock and habit, where that is known |
| `evaluate` | measures the lists on held-out days, beside the baselines |
| `build` | writes an immutable release: DuckDB, Annoy and arrays |
| `validate` | checks it, and compares it with the release that serves |
| `publish` | points `CURRENT` at it |
| `receipt` | keeps rows, seconds and metrics of the run as its XCom |

**Starts** at 03:15 UTC, and whenever `daybreak_train` has made a new model.
**When a task fails**, what is served stays as it was. Read the task's log, mend the cause, and clear the task:
every job may be run again.
**Parameters**: `config`, `date`, `full`, `override` and `reason`, see *Trigger*.
**Where it runs** is the Spark master in the connection `daybreak_spark`, such as `local[*]` or `spark://host:7077`.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, chain
from daybreak_common import CONFIG, DATE, MODEL, PARAMS, SAFETY, spark_job

FULL = Param(False, type="boolean", description="Train a new model even where one is young enough.")
OVERRIDE = Param("", type="string", description="Who wants the release published although `validate` holds it.")
REASON = Param("", type="string", description="Why; the release keeps name and reason.")
OPTIONS = {"validate": ("--override={{ params.override }}", "--reason={{ params.reason }}")}
LEARN = ("ingest", "train", "embed_items", "embed_users", "topk", "train_ranker")
JOBS = (*LEARN, "evaluate", "build", "validate", "publish")

with DAG(
    dag_id="daybreak_precompute",
    description="Recommendations of every user, precomputed and published",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("15 3 * * *", timezone="UTC"), assets=MODEL),
    start_date=datetime(2017, 1, 1, tzinfo=UTC),
    params={**PARAMS, "full": FULL, "override": OVERRIDE, "reason": REASON},
    **SAFETY,
):
    receipt = BashOperator(
        task_id="receipt",
        # By its path: the shell's PATH may not be that of the python that runs Airflow.
        bash_command='"$DAYBREAK" receipt --config "$CONFIG" --date "$DATE"',
        env={"DAYBREAK": str(Path(sys.executable).with_name("daybreak")), "CONFIG": CONFIG, "DATE": DATE},
        append_env=True,
        output_processor=json.loads,
    )
    chain(*(spark_job(name, "{{ params.full | lower }}", OPTIONS.get(name, ())) for name in JOBS), receipt)
