"""The shops that the benchmarks ask: made releases, the demo's night, and small nights without Spark."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from jobs.infra.runs import Run
from jobs.infra.tables import EVENTS, ITEMS
from jobs.stages.build import job as build
from lookup.release import manifest, pointer
from lookup.release.arrays import file_name
from lookup.release.manifest import FileFact
from lookup.release.schema import SCHEMA_VERSION
from tests.benchmarks.shared import ROOT
from tests.rankers import certain_clicks, write_ranker
from tests.releases import config_at, make_release
from tests.run_tables import Sizes, by_hash, write_run

MILLION = Sizes(items=1000, users=1_000_000, dimensions=8, k=20, similar=10, again=0, popular=100, events=100_000)
TOY = Sizes(items=60, users=200, dimensions=8, k=20, similar=5, again=0, popular=30, events=400)


def kept(name: str) -> Path:
    """A folder in the machine's temporary folder, for what is made once and used by later runs too."""
    return Path(tempfile.gettempdir()) / f"daybreak-bench-{SCHEMA_VERSION}-{name}"


def made_releases(sizes: Sizes, base: Path | None = None) -> Path:
    """The folder of releases of a made shop. Half of its items are sold out.

    base: where to make it; None: in a folder that is kept, which takes a few minutes for a million users.
    """
    base = base or kept(f"{sizes.users}x{sizes.k}")
    if not (base / "releases" / pointer.CURRENT).exists():
        started = time.monotonic()
        print(f"making a release of {sizes.users:,} users in {base} …", flush=True)
        make_release(base, seed=1, sizes=sizes)
        print(f"made in {time.monotonic() - started:.0f} s", flush=True)
    return base / "releases"


def all_in_stock(releases: Path) -> Path:
    """A folder of releases beside a given one: its current release again, with the same lists, and every item in stock.

    Files are linked, except the one that changes and the manifest, which has its sum.
    """
    folder = releases.with_name("releases-in-stock")
    if not (folder / pointer.CURRENT).exists():
        shutil.rmtree(folder, ignore_errors=True)
        release = pointer.read(releases)
        shutil.copytree(releases / release, folder / release, copy_function=os.link)
        for made in (folder / release, folder / release / "arrays"):
            made.chmod(0o755)  # of a release nothing can be replaced
        path = folder / release / file_name("item_in_stock")
        path.unlink()  # the link
        shutil.copyfile(releases / release / file_name("item_in_stock"), path)
        stock = np.load(path, mmap_mode="r+")
        stock[:] = 1
        stock.flush()
        known = manifest.read(folder / release)
        fact = FileFact(path.stat().st_size, manifest.digest(path))
        replace(known, files={**known.files, file_name("item_in_stock"): fact}).write(folder / release)
        pointer.announce(folder, release)
    return folder


def with_ranker(base: Path, sizes: Sizes = TOY) -> Path:
    """The folder of releases of a made shop whose release has a ranker that weighs prices."""
    config = config_at(base, sizes=sizes)
    write_run(config, 1, sizes)
    write_ranker(config.run, certain_clicks(-1.0, hidden=2, price_cut=2.0), 4.0)
    pointer.announce(config.releases, build.run(None, config)["release"])
    return config.releases


def demo() -> Path:
    """The configuration of the demo. Makes the demo's night first where it has not run yet, as `make demo` does."""
    from jobs.demo.airflow import CONFIG

    if not (CONFIG.parent / "releases" / pointer.CURRENT).exists():
        print("making the night of the demo …", flush=True)
        subprocess.run([sys.executable, "-m", "jobs.demo"], cwd=ROOT, check=True)
    return CONFIG


def earlier_night(day: date, later: date) -> Path:
    """A configuration over the demo's data, in a folder that is kept, with the release of a day and the tables of
    `ingest` of a later day. Both are made where they are missing."""
    base = kept(f"night-{day}")
    config = base / "complete_journey.toml"
    base.mkdir(exist_ok=True)
    shutil.copyfile(ROOT / "jobs" / "demo" / config.name, config)
    todo = {
        ("run", day): base / "releases" / pointer.CURRENT,
        ("job", "ingest", later): base / "work" / "runs" / later.isoformat() / EVENTS.name,
    }
    for (*words, when), result in todo.items():
        if not result.exists():
            told = ["-m", "jobs.cli", *words, "--config", str(config), "--date", when.isoformat()]
            subprocess.run([sys.executable, *told], cwd=ROOT, check=True)
    return config


TOY_CONFIG = """\
[items]
files = "items.csv"
item_id = "item_id"
title = "title"

[[events]]
files = "events.csv"
user_id = "user_id"
item_id = "item_id"
time = "time"

[train]
dimensions = 4
epochs = 1
samples = 0
"""


def toy_config(base: Path) -> Path:
    """A configuration with a small model; its files of items and events are not there."""
    path = base / "daybreak.toml"
    path.write_text(TOY_CONFIG)
    return path


def write_ingested(run: Run, sizes: Sizes, days: int) -> None:
    """The tables `items` and `events` of a run, as `ingest` writes them: each of the days before it has an event of
    every third user. Items and users are those of `tests.releases`."""
    rng = np.random.default_rng(SEED_OF_EVENTS)
    ids = by_hash([f"item-{n}" for n in range(sizes.items)])
    rows = range(sizes.items)
    items = pl.DataFrame(
        {
            "item": pl.Series(rows, dtype=pl.Int32),
            "item_id": ids,
            "category": [["FOOD", f"AISLE {row % 4}"] for row in rows],
            "brand": [None if row % 3 else "Acme" for row in rows],
            "price": [1.0 + row / 4 for row in rows],
            "text": [""] * sizes.items,
        }
    )
    run.path(ITEMS.name).mkdir(parents=True)
    items.write_parquet(run.path(ITEMS.name) / "part-0.parquet")
    run.path(EVENTS.name).mkdir(parents=True)
    for age in range(1, days + 1):
        day = run.date - timedelta(days=age)
        users = [f"user-{user}" for user in range(age % 3, sizes.users, 3)]
        pl.DataFrame(
            {
                "user_id": users,
                "item": pl.Series(rng.integers(0, sizes.items, len(users)), dtype=pl.Int32),
                "type": ["purchase"] * len(users),
                "time": [datetime(day.year, day.month, day.day, 12, tzinfo=UTC)] * len(users),
                "weight": pl.Series([1.0] * len(users), dtype=pl.Float32),
                "value": [1.0] * len(users),
                "price": rng.lognormal(1.0, 0.5, len(users)),
                "day": [day] * len(users),
            }
        ).write_parquet(run.path(EVENTS.name) / f"part-{day}.parquet")


SEED_OF_EVENTS = 3
"""Of the events that `write_ingested` draws."""
