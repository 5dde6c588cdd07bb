"""The release that `jobs.stages.build.job` makes of a small, random run (`tests.run_tables`)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.config.config import Config
from jobs.config.release import BuildConfig, TopKConfig
from jobs.config.shop import EventsConfig, ItemsConfig
from jobs.releases.validation import verdict_record
from jobs.stages.build import job as build
from lookup.release import manifest, pointer
from lookup.release.validation import PASSED
from tests.run_tables import NIGHT, Sizes, write_run


def config_at(base: Path, night: date = NIGHT, sizes: Sizes | None = None, shards: int = 1) -> Config:
    """The configuration of a shop in a folder; it names no data."""
    sizes = sizes or Sizes()
    again, similar = max(sizes.again, 1), max(sizes.similar, 1)
    return Config(
        items=ItemsConfig(files="items.csv", item_id="id", title="title"),
        events=[EventsConfig(files="events.csv", user_id="u", item_id="i", time="t")],
        base=base,
        date=night,
        topk=TopKConfig(k=sizes.k, spare=0, similar=similar, popular=sizes.popular, again=again),
        build=BuildConfig(shards=shards),
    )


def make_release(
    base: Path,
    seed: int = 0,
    sizes: Sizes | None = None,
    night: date = NIGHT,
    *,
    announced: bool = True,
    shards: int = 1,
) -> str:
    """Write a run, build its release in `base/releases` and announce it. Returns its id."""
    config = config_at(base, night, sizes, shards)
    write_run(config, seed, sizes or Sizes())
    release_id: str = build.run(None, config)["release"]
    pass_validation(config.releases / release_id)
    if announced:
        pointer.announce(config.releases, release_id)
    return release_id


def rewrite(config: Config, name: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of a table of the run, which keeps its mark."""
    path = config.run.path(name)
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    for file in path.glob("*.parquet"):
        file.unlink()
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path / "part-0.parquet")


def pass_validation(folder: Path) -> None:
    """Write into a release that `validate` passed it."""
    made = manifest.read(folder)
    replace(made, validation=verdict_record(made, PASSED, [])).write(folder)
