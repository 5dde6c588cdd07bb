"""What `evaluate` would find of a release that serves and has the very vectors of the run: what it found of the run."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.infra.blocks import BLOCK_ROWS, Blocks
from jobs.infra.runs import Run
from jobs.infra.tables import CHALLENGER, EVALUATION, INCUMBENT, ITEMS
from jobs.infra.vector_store import ITEM_ARRAYS, VectorStore
from lookup import keys
from lookup.errors import ReleaseError
from lookup.release import manifest, pointer
from lookup.release.arrays import file_name

METRICS = "metrics.json"


def serves_the_same(config: Config) -> bool:
    """Whether the release that serves has the items of the run and their vectors, value by value."""
    try:
        current = pointer.read_or_none(config.releases)
        known = None if current is None else manifest.read(config.releases / current)
    except ReleaseError:
        return False
    if current is None or known is None:
        return False
    vectors = VectorStore.of(config.run)
    arrays = ((vectors.array(one.name), _array(config, current, one.name)) for one in ITEM_ARRAYS)
    if not all(_same(ours, theirs) for ours, theirs in arrays):
        return False
    if known.score_parameters.to_json() != vectors.score_parameters.to_json():
        return False
    ids = pl.read_parquet(Blocks.of(config.run, ITEMS.name).files, columns=["item_id"], glob=False)["item_id"]
    return np.array_equal(_array(config, current, "item_hash"), keys.build(ids)[0])


def _array(config: Config, release: str, name: str) -> NDArray[Any]:
    return np.lib.format.open_memmap(config.releases / release / file_name(name), mode="r")


def _same(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    """Whether two arrays have the same values; block by block, for they may be large."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    blocks = (slice(start, start + BLOCK_ROWS) for start in range(0, len(ours), BLOCK_ROWS))
    return all(np.array_equal(ours[block], theirs[block]) for block in blocks)


def measure_as_challenger(config: Config) -> None:
    """Write table `evaluation` and its means with the release that serves as it is measured where it `serves_the_same`:
    as the challenger."""
    run: Run = config.run
    files = Blocks.of(run, EVALUATION.name).files
    found = pl.read_parquet(files, glob=False, hive_partitioning=False).filter(pl.col("method") != INCUMBENT)
    again = found.filter(pl.col("method") == CHALLENGER).with_columns(pl.lit(INCUMBENT).alias("method"))
    said = run.read_json(METRICS)
    with run.replacing(EVALUATION.name) as folder:
        folder.mkdir()
        pl.concat([found, again]).write_parquet(folder / "part-0.parquet")
    metrics: list[dict[str, Any]] = [one for one in said["metrics"] if one["method"] != INCUMBENT]
    ours = [one for one in metrics if one["method"] == CHALLENGER]
    said["metrics"] = [*ours, *({**one, "method": INCUMBENT} for one in ours), *metrics[len(ours) :]]
    run.write_json(METRICS, {**said, "incumbent": pointer.read_or_none(config.releases)})


def measured_again(config: Config) -> None:
    """Say that the release that serves was measured, whose vectors are those of the one that was, under its own id."""
    said = config.run.read_json(METRICS)
    if said.get("incumbent"):
        config.run.write_json(METRICS, {**said, "incumbent": pointer.read_or_none(config.releases)})
