"""
### The night

Makes a release of recommendations from the files of the shop and publishes it. Each of the first three tasks is one
session of Spark, and runs its jobs in order:

| task | job | does |
|---|---|---|
| `ingest` | `ingest` | reads the shop's files into checked tables; bad rows go to quarantine |
| `train` | `train` | trains the behaviour model, where none is young enough or the run is *full* |
| | `train_text` | fine-tunes the text model, where the shop wants that and it becomes better |
| `lists` | `embed_items`, `embed_users` | compute a vector for every item and every active user |
| | `topk` | computes the lists: recommendations, similar items, popular items |
| | `train_ranker` | learns from what was shown and bought to rank by price, stock and habit |
| | `evaluate` | measures the lists on held-out days, beside the baselines |
| `index_search` | | writes the search index: words, spelling, meaning, suggestions |
| `build` | | writes an immutable release: DuckDB, Annoy and arrays |
| `validate` | | checks it, and compares it with the release that serves |
| `publish` | | points `CURRENT` at it, and removes old runs and models |
| `receipt` | | keeps rows, seconds and metrics of the run as its XCom |

**Starts** at 03:15 UTC, and whenever `daybreak_train` has made a new model.
**When a task fails**, what is served stays as it was. The last line of the task's log says why: mend the cause, and
clear the task: it goes on with the job that failed. A task that ended well and is cleared runs all of its jobs. A wrong
configuration, bad data and a held release fail at once, other failures after three tries.
**Parameters**: `config`, `date`, `full`, `older`, `override` and `reason`, see *Trigger*.
**Where it runs** is the Spark master in the connection `daybreak_spark`, such as `local[*]` or `spark://host:7077`.
"""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, chain
from daybreak_common import MODEL, NEVER_LATE, PARAMS, SAFETY, job, receipt, spark_jobs

FULL = Param(False, type="boolean", description="Train a new model even where one is young enough.")
OLDER = Param(False, type="boolean", description="Publish although the release that serves is of a later date.")
OVERRIDE = Param("", type="string", description="Who wants the release published although `validate` holds it.")
REASON = Param("", type="string", description="Why; the release keeps name and reason.")
IN_SPARK = {
    "ingest": ["ingest"],
    "train": ["train", "train_text"],
    "lists": ["embed_items", "embed_users", "topk", "train_ranker", "evaluate"],
}
"""The tasks, each a session of Spark, and the jobs of each."""

with DAG(
    dag_id="daybreak_precompute",
    description="Recommendations of every user, precomputed and published",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("15 3 * * *", timezone="UTC", run_immediately=NEVER_LATE), assets=MODEL
    ),
    params={**PARAMS, "full": FULL, "older": OLDER, "override": OVERRIDE, "reason": REASON},
    **SAFETY,
):
    chain(
        *(spark_jobs(name, jobs, full="{{ params.full | lower }}") for name, jobs in IN_SPARK.items()),
        job("index_search"),
        job("build"),
        job("validate", "--override={{ params.override }}", "--reason={{ params.reason }}"),
        job("publish", "--older", "{{ params.older | lower }}"),
        receipt(),
    )
