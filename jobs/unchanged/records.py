"""What a night keeps beside its tables, so that a later one can tell whether they are what it would make.

<run>/kept/<job>.json   `facts`: a digest of what the job's results depend on, beside tables of the run
                        `made`:  each file of each table that it made, with its bytes and sha256
                        `rows`:  of each table
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from jobs.config.config import Config
from jobs.infra.cluster.written import rows_in
from jobs.infra.kept.store import damage_of, file_facts, write_whole
from jobs.infra.runs import MADE_BY, MADE_FROM, NAME, Run
from jobs.infra.storage.disk import remove
from jobs.unchanged.facts import BESIDE, Facts, digest

FOLDER = "kept"
LOG = "patches.json"
"""Made anew by each night: it has the mark that the night leaves in the patch log."""


class Record(NamedTuple):
    """What is kept of a job."""

    facts: str
    beside: str
    """Of the part BESIDE of the facts; `facts` is of the others."""
    inputs: dict[str, str | None]
    made: dict[str, dict[str, dict[str, Any]]]
    rows: dict[str, int]


def tables_of(job: str) -> list[str]:
    """The tables and small files that a job makes, in the order in which they may be put in place: `items` tells of the
    others of `ingest`, so it comes last."""
    names = [name for name, maker in MADE_BY.items() if maker == job and name not in ("receipts", LOG)]
    return sorted(names, key=lambda name: name == "items")


def told(facts: Facts) -> tuple[str, str]:
    """The digests of facts that a record keeps: of all but BESIDE, and of BESIDE."""
    return digest({**facts, BESIDE: None}), digest({BESIDE: facts.get(BESIDE)})


def write(job: str, config: Config, facts: Facts) -> Record:
    """Keep the record of a job that has just ended."""
    run = config.run
    there = [name for name in tables_of(job) if run.path(name).exists()]
    with ThreadPoolExecutor() as pool:
        made = {
            name: dict(zip(map(str, files), pool.map(lambda file: file_facts(run.root / file), files), strict=True))
            for name, files in ((name, _files(run, name)) for name in there)
        }
    rows = {name: rows_in(run.path(name)) for name in there}
    record = Record(*told(facts), inputs_of(job, run), made, rows)
    path = _path(run, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(record._asdict(), sort_keys=True))
    return record


def forget(job: str, run: Run) -> None:
    """Keep no record of a job: it runs, and what it makes is not known yet."""
    remove(_path(run, job))


def forget_all(run: Run) -> None:
    """Keep no record of a run: nothing is taken over from it any more."""
    remove(run.path(FOLDER))


def read(job: str, run: Run) -> Record | None:
    """The record of a job; None where there is none that can be read."""
    try:
        return Record(**json.loads(_path(run, job).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def runs_with(job: str, config: Config) -> list[Run]:
    """The runs whose result of a job may still hold: this one, where it ran before, and the newest of an earlier date,
    since which least has changed."""
    own = config.run.root.name
    found = (path.parents[1].name for path in config.run.root.parent.glob(f"*/{FOLDER}/{job}.json"))
    dates = sorted((name for name in found if NAME.fullmatch(name) and name <= own), reverse=True)
    chosen = dates[: 2 if own in dates else 1]
    return [Run(config.run.root.parent / name, type(config.date).fromisoformat(name)) for name in chosen]


def inputs_of(job: str, run: Run) -> dict[str, str | None]:
    """The marks of the tables and small files of a run that a job reads, of those that are there."""
    own = tables_of(job)
    names = {name for made in own for name in MADE_FROM.get(made, ()) if name not in own}
    return {name: run.mark_id(name) for name in sorted(names) if run.path(name).exists()}


def damage(before: Run, record: Record) -> str | None:
    """Why the tables of the earlier run are not what its job wrote; None where every byte is."""
    files = [(before.root / file, fact) for made in record.made.values() for file, fact in made.items()]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda one: damage_of(*one), files)
    return next((f"{path}: {why}" for (path, _), why in zip(files, found, strict=True) if why), None)


def _files(run: Run, name: str) -> list[Path]:
    path = run.path(name)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [file.relative_to(run.root) for file in files]


def _path(run: Run, job: str) -> Path:
    return run.path(FOLDER) / f"{job}.json"
