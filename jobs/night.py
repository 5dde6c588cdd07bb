"""The night: its jobs in order, and how one of them runs and gets its receipt."""

import importlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jobs.infra.cluster.errors import told
from jobs.infra.logging import log_line
from jobs.infra.receipts.used import USED, JobUse
from jobs.infra.run_lock import writing
from jobs.models.behaviour.continuation import of_night

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs.config.config import Config
    from jobs.infra.receipts.meter import Meter
    from jobs.infra.runs import Run

JOBS = {
    "ingest": "checked tables, from the files of the shop",
    "train": "the behaviour model, from each user's days",
    "train_text": "the text model, fine-tuned on what shoppers do, where that makes it better",
    "embed_items": "a vector for every item, from text and behaviour",
    "embed_users": "a vector for every active user",
    "topk": "the lists: recommendations, similar items, popular",
    "train_ranker": "the ranker, from what was shown and what was bought",
    "evaluate": "how good the lists are on held-out days, beside the incumbent and the baselines",
    "index_search": "the search index: words, spelling, meaning, suggestions",
    "build": "an immutable release: DuckDB, Annoy and arrays",
    "validate": "check the release, and compare it with the incumbent, the release that serves",
    "publish": "point CURRENT at the release",
}
"""Every job of the night in order. `jobs.stages.<name>.job.run(spark, config)` runs it and returns its counts."""
BEFORE_A_MODEL = frozenset(["ingest", "train"])
"""The jobs that need not know which preset the night's model has."""
WITHOUT_SPARK = frozenset(["index_search", "build", "validate", "publish"])
"""The jobs that start no JVM, and whose `spark` is None."""

AFTER_THE_CATALOG = frozenset(["build", "validate"])
"""The jobs whose receipts the manifest of the release gets when they have ended."""


def left_to_run(jobs: Sequence[str], run: "Run") -> list[str]:
    """The jobs with which another try goes on, from the first one that did not end; all of them where every one did.

    jobs: in the order of the night. A job ended where it has a receipt, and no job before it in the night has a newer
    one.
    """
    ended = {receipt["job"]: receipt["ended"] for receipt in run.receipts()}
    order = list(JOBS)
    for place, name in enumerate(jobs):
        before = (ended.get(other, "") for other in order[: order.index(name)])
        if name not in ended or any(newer > ended[name] for newer in before):
            return list(jobs[place:])
    return list(jobs)


StartSpark = Callable[[], "SparkSession"]


def run_job(name: str, spark: "SparkSession | StartSpark | None", config: "Config") -> dict[str, Any]:
    """Run one job of the night and write its receipt: counts, seconds, and what it took (`jobs.infra.receipts.used`).

    Where an earlier night made the same of the same inputs, it is taken over (`jobs.unchanged`).

    spark: a session, or what starts one where the job needs it. A job that fails, or is killed, writes no receipt: that
    of an earlier try stays. Raises RunLockedError where another command writes into the same run.
    """
    with writing(config.run.root, f"job {name}"):
        return _run_job(name, spark, config)


def _run_job(name: str, spark: "SparkSession | StartSpark | None", config: "Config") -> dict[str, Any]:
    from jobs.infra.receipts.meter import Meter
    from jobs.unchanged.take import remember, take_over

    log_line(name, "start", date=config.date)
    config = config if name in BEFORE_A_MODEL else of_night(config)
    errors = config.run.path("errors") / f"{name}.txt"
    with Meter(name, None, config.costs.cores) as meter:
        with told(name, errors):
            taken, facts = take_over(name, config)
        if taken is not None:
            return _end(name, config, taken, meter)
    job = importlib.import_module(f"jobs.stages.{name}.job")
    if hasattr(job, "rests") and job.rests(config):
        spark = None
    session = spark() if callable(spark) else spark
    with Meter(name, session, config.costs.cores) as meter:
        with told(name, errors):
            counts = job.run(session, config)
            counts |= remember(name, config, facts)
        return _end(name, config, counts, meter)


def _end(name: str, config: "Config", counts: dict[str, Any], meter: "Meter") -> dict[str, Any]:
    """Write the receipt of a job that has just ended, and log it."""
    from jobs.releases.receipts import keep_receipts

    seconds = meter.seconds()
    used = config.costs.with_money(meter.stop(), seconds)
    receipt = {
        "job": name,
        "seconds": round(seconds, 2),
        "peak_mib": used.peak_mib,
        "ended": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **counts,
        USED: used.to_json(),
    }
    config.run.write_json(f"receipts/{name}.json", receipt)
    if name in AFTER_THE_CATALOG:
        keep_receipts(config)
    facts = {k: v for k, v in receipt.items() if k not in ("job", "ended") and not isinstance(v, dict | list)}
    log_line(name, "done", **facts, **told_of(used))
    return receipt


def told_of(used: JobUse) -> dict[str, Any]:
    """What the log says of what a job took, beside its seconds."""
    found = {"cpu_seconds": used.cpu_seconds, "spark_seconds": used.spark_seconds}
    return found if used.money is None else {**found, "money": f"{used.money:.4f} {used.currency or ''}".rstrip()}
