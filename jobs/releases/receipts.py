"""Which receipts of a run belong to a release, and how its manifest gets those of the jobs that end later."""

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from jobs.config.config import Config
from jobs.infra.receipts.used import USED, JobUse
from jobs.infra.runs import Run
from jobs.releases.access import unsealed
from lookup.release import manifest as manifests
from lookup.release import pointer

RELEASE = "release"
"""The key of the receipts of `build` and the jobs after it: the release that they worked on."""
DUCKDB_TYPES: dict[Any, str] = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    int | None: "BIGINT",
    float | None: "DOUBLE",
    str | None: "VARCHAR",
}
"""The column type of each kind of field."""


@dataclass(frozen=True)
class ReceiptHead:
    """What the receipt of every job has, and view `receipts` in its first columns."""

    job: str
    """Its name."""
    ended: str
    """UTC; in the view a TIMESTAMP."""
    seconds: float
    """Wall time, by a clock that nobody sets."""


def receipts_query() -> str:
    """The SQL that shows the receipts of table `manifest`, a row for each job: ReceiptHead, then JobUse.

    Null stands where a receipt of an earlier version lacks a number.
    """
    head, used = ({one.name: DUCKDB_TYPES[one.type] for one in fields(kind)} for kind in (ReceiptHead, JobUse))
    shape = json.dumps([head | {USED: used}])
    columns = [*(f"r.{name}" if name != "ended" else "CAST(r.ended AS TIMESTAMP) AS ended" for name in head)]
    columns += [f"r.{USED}.{name}" for name in used]
    return f"""SELECT {", ".join(columns)} FROM (
                   SELECT unnest(from_json(value, '{shape}')) AS r FROM manifest WHERE key = 'receipt'
               ) ORDER BY ended"""


def before_release(run: Run) -> list[dict[str, Any]]:
    """The receipts of the jobs before `build`. Those after it are of a release that an earlier try built."""
    return [receipt for receipt in run.receipts() if RELEASE not in receipt]


def keep_receipts(config: Config) -> None:
    """Write the receipts of the jobs since the run's release was built into its manifest, unless it was announced.

    Raises ReleaseError where the manifest cannot be read.
    """
    release_id = config.run.read_json("release.json", checked=False)["id"]
    if release_id in pointer.announced(config.releases):
        return
    later = [receipt for receipt in config.run.receipts() if receipt.get(RELEASE) == release_id]
    folder = config.releases / release_id
    with unsealed(folder):
        replace(manifests.read(folder), later_receipts=later).write(folder)
