"""The ranker of a run in the release, where the run has one."""

from typing import Any

import numpy as np

from jobs.infra.runs import Run
from jobs.models.ranker.ranker_store import FOLDER
from jobs.releases.arrays.array_writer import ArrayWriter


def ranker_facts(run: Run) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """What the manifest says of the ranker, or None without one, and the ranker's metrics."""
    if not run.path(FOLDER).exists():
        return None, []
    said = run.read_json(f"{FOLDER}/ranker.json")
    return said["about"], said["metrics"]


def write_ranker(writer: ArrayWriter, run: Run) -> None:
    """The arrays `ranker` and `item_usual_price`. Without a ranker the first is empty, and the second NaN."""
    if run.path(FOLDER).exists():
        flat = np.load(run.path(FOLDER) / "ranker.npy")
        writer.copy("item_usual_price", run.path(FOLDER) / "usual_price.npy")
    else:
        flat = np.empty(0, dtype=np.float32)
        with writer.creating("item_usual_price") as prices:
            prices[...] = np.nan
    with writer.creating("ranker", len(flat)) as out:
        out[...] = flat
