"""Take over what an earlier night made of the same inputs."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from jobs.config.config import Config
from jobs.infra.blocks import Blocks
from jobs.infra.logging import log_line
from jobs.infra.receipts.used import USED
from jobs.infra.runs import Run
from jobs.infra.tables import QUARANTINE
from jobs.unchanged import records
from jobs.unchanged.facts import TAKEN, Facts, digest, facts_of
from jobs.unchanged.mirror import measure_as_challenger, measured_again, serves_the_same
from jobs.unchanged.sample import differs
from lookup.patches.patch_log import open_log

FROM = "taken_over_from"
"""The key of a receipt that names the earlier night."""
OWN = ("job", "seconds", "peak_mib", "ended", USED, "new", "taken_over", "dropped", FROM)
"""Keys of a receipt that say how it ran, not what it found …"""
OF_RUNNING = ("_new", "_taken_over", "_dropped", "_seconds", "_per_second")
"""… and the ends of others."""


def take_over(job: str, config: Config) -> tuple[dict[str, Any] | None, Facts | None]:
    """Take over the whole result of a job, where an earlier night made it of the same inputs, or an earlier try.

    Returns the counts for the receipt, or None where the job has to run; and what `remember` keeps when it has run.
    Nothing is taken over in a night that is `full` or a warm start, nor from a night that does not pass the checks: of
    every byte, and, before the first job, of some users whose vectors and lists are made again.
    """
    if job not in TAKEN:
        return None, None
    facts = facts_of(job, config)
    if facts is None or config.full or config.warm_start:
        return None, facts
    for before in records.runs_with(job, config):
        record = records.read(job, before)
        if record is None or record.facts != records.told(facts)[0]:
            continue
        if record.inputs != records.inputs_of(job, config.run):
            continue
        same = record.beside == records.told(facts)[1]
        if (same or serves_the_same(config)) and _holds(job, config, before, record):
            _put(job, config, before, facts)
            if job == "evaluate":
                measured_again(config) if same else measure_as_challenger(config)
            return _counts(job, before, records.write(job, config, facts)), facts
    return None, facts


def _holds(job: str, config: Config, before: Run, record: records.Record) -> bool:
    """Whether a result of the same inputs may be taken over. Where a check fails, nothing of its night is any more."""
    if job == "ingest" and before != config.run and _depends_on_date(before, config):
        return False
    if _too_old(job, before, config):
        return False
    why = records.damage(before, record)
    if why is None and job == "ingest":
        why = differs(replace(config, date=before.date))
    if why is not None:
        records.forget_all(before)
        log_line(job, "not-taken-over", night=before.date, why=why, remedy="all jobs run in full")
    return why is None


def _put(job: str, config: Config, before: Run, facts: Facts) -> None:
    """Put the result of the earlier night in place of this one's."""
    if before != config.run:
        for name in records.tables_of(job):
            config.run.take_over(name, before)
    if job == "ingest":
        config.run.write_json(records.LOG, _absorbed(config, facts["log"]["position"]))


def remember(job: str, config: Config, facts: Facts | None) -> dict[str, int]:
    """Keep what a later night may take over of a job that has just run. Returns rows for the receipt: new ones, and
    those of the earlier night in whose place they stand.

    facts: of the job before it ran. Where they are others now, a file changed meanwhile, and nothing is kept.
    """
    if job not in TAKEN:
        return {}
    old = next((records.read(job, run) for run in records.runs_with(job, config)), None)
    if facts is None or digest(facts) != digest(facts_of(job, config) or {}):
        records.forget(job, config.run)
        return {}
    made = records.write(job, config, facts)
    dropped = sum(old.rows.values()) if old is not None else 0
    return {"new": sum(made.rows.values()), "taken_over": 0, "dropped": dropped}


def _depends_on_date(before: Run, config: Config) -> bool:
    """Whether the same files hold more for a later night, or are too old for it."""
    receipt = _receipt("ingest", before)
    if receipt.get("later_events") or receipt.get("searches_aside", {}).get("later_events"):
        return True
    if (config.date - before.day).days >= config.users.active_days:
        return True
    files = Blocks(before.path(QUARANTINE.name)).files
    if files:
        reasons = pl.scan_parquet(files, glob=False, hive_partitioning=False).select("reason").collect()["reason"]
        return bool(reasons.str.contains("future", literal=True).any())
    return False


def _too_old(job: str, before: Run, config: Config) -> bool:
    """Whether what a job learned is older than this night would keep it, where the earlier night kept it already."""
    ages = {"train_ranker": ("fitted", config.ranker.max_age_days)}
    ages["index_search"] = ("encoder_learned", config.search.max_age_days)
    if job not in ages:
        return False
    name, most = ages[job]
    learned = _receipt(job, before).get(name)
    return learned is not None and (config.date - date.fromisoformat(learned)).days > most


def _absorbed(config: Config, position: int) -> dict[str, Any]:
    """`patches.json`, with the mark that this night leaves in the log."""
    if position == 0:
        return {"position": 0}
    log = open_log(config.patches)
    try:
        return {"position": position, "log": {"id": log.identity().id, "mark": log.absorb(position)}}
    finally:
        log.close()


def _counts(job: str, before: Run, record: records.Record) -> dict[str, Any]:
    receipt = _receipt(job, before)
    found = {name: value for name, value in receipt.items() if name not in OWN and not name.endswith(OF_RUNNING)}
    return {**found, FROM: before.date.isoformat(), "new": 0, "taken_over": sum(record.rows.values()), "dropped": 0}


def _receipt(job: str, run: Run) -> dict[str, Any]:
    try:
        receipt: dict[str, Any] = json.loads((run.path("receipts") / f"{job}.json").read_text())
    except (OSError, ValueError):
        return {}
    return receipt
