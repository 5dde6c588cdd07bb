"""
### The model, weekly

Trains a new behaviour model from the shop's events, whatever the age of the one in use:

| task | does |
|---|---|
| `ingest` | reads the shop's files into checked tables |
| `train` | trains a new model, and so starts `daybreak_precompute`, which makes a release with it |

**Starts** at 00:15 UTC on Sundays.
**Parameters**: `config` and `date`, see *Trigger*.
"""

from airflow.sdk import DAG, CronTriggerTimetable, chain
from daybreak_common import MODEL, NEVER_LATE, PARAMS, SAFETY, spark_jobs

with DAG(
    dag_id="daybreak_train",
    description="A new behaviour model every week",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("15 0 * * 0", timezone="UTC", run_immediately=NEVER_LATE),
    params=PARAMS,
    **SAFETY,
):
    chain(
        spark_jobs("ingest", ["ingest"], full="true"),
        spark_jobs("train", ["train"], full="true", outlets=[MODEL]),
    )
