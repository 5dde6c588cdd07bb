"""A release from a run: its arrays, index, catalog, report and manifest."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs.config.config import Config
from jobs.costs.nights import nights
from jobs.infra.blocks import Blocks
from jobs.infra.vector_store import VectorStore
from jobs.releases.access import make_releases_folder
from jobs.releases.arrays.user_arrays import shards_of
from jobs.releases.dropped import dropped_rows
from jobs.releases.page import render
from jobs.releases.receipts import before_release
from jobs.stages.build.catalog import build_catalog
from jobs.stages.build.ranker_arrays import ranker_facts
from jobs.stages.build.release_arrays import copy_search, write_arrays, write_index
from jobs.stages.build.release_folder import building, file_facts, sync
from lookup.errors import ReleaseError
from lookup.release import manifest as manifests
from lookup.release.catalog_schema import CATALOG_FILE
from lookup.release.manifest import Manifest
from lookup.release.pointer import RELEASE_ID
from lookup.release.schema import SCHEMA_VERSION, UNSHARDED_VERSION
from lookup.release.validation import PAGE

PATCHES = "patches.json"
"""What `ingest` says of the patch log; missing where the shop has no patch log."""


STAMP = "%Y%m%dT%H%M%SZ"
AHEAD = timedelta(minutes=1)
"""A release that is further ahead of the clock than this was made by another clock."""


def build(config: Config, parent: str | None) -> Manifest:
    """Build the release of a run and write its id into `release.json`. parent: the release that serves, if any.

    Raises MissingStepError when a job before has not run, DataError when the tables do not fit together.
    """
    run = config.run
    make_releases_folder(config)
    vectors = VectorStore.of(run)
    space = vectors.space
    ranker, measured = ranker_facts(run)
    shards = shards_of(run, config.build.shards)
    metrics = run.read_json("metrics.json")["metrics"] + measured
    absorbed = run.read_json(PATCHES) if run.path(PATCHES).exists() else {}
    now = datetime.now(UTC)
    release_id = _new_id(config.releases, now)
    with building(config.releases, release_id) as folder:
        features: dict[str, str] = run.read_json("features.json")["features"]
        dims = write_arrays(folder, run, vectors, features, shards)
        copy_search(folder, run)
        annoy, search = write_index(folder, dims, vectors, config.build, shards)
        manifest = Manifest(
            id=release_id,
            schema_version=SCHEMA_VERSION if shards else UNSHARDED_VERSION,
            created=now.isoformat(timespec="seconds"),
            date=config.date.isoformat(),
            ages_from=run.day.isoformat(),
            shop=config.shop.name,
            parent=parent,
            space_id=space.space_id,
            dims=dims,
            counts={
                "items": dims["I"],
                "users": dims["U"],
                "categories": dims["C"],
                "events": len(Blocks.of(run, "events")),
            },
            model={
                "model": space.model,
                "text_model": space.text_model,
                "look_model": space.look_model,
                "trained_until": space.trained_until.isoformat(),
            },
            score_parameters=space.score_parameters,
            annoy=annoy,
            index_choice=search,
            cold_start=space.cold_start,
            features=features,
            weights=config.weights,
            max_history=config.train.max_history,
            bought=config.topk.bought,
            patches_until=absorbed.get("position", 0),
            patches_log=absorbed.get("log"),
            files={},
            metrics=metrics,
            receipt=before_release(run),
            ranker=ranker,
            shards=shards,
        )
        build_catalog(folder / CATALOG_FILE, run, manifest, metrics)
        before = nights(config.releases)
        page = render(manifest, _parent(config.releases, parent), dropped_rows(config), nights=before)
        (folder / PAGE).write_text(page, encoding="utf-8")
        manifest = replace(manifest, files=file_facts(folder))
        manifest.write(folder)
        sync(folder)
        # Before the rename, so that a build killed after it finds what to remove when it runs again.
        run.write_json("release.json", {"id": release_id})
    return manifest


def _parent(releases: Path, parent: str | None) -> Manifest | None:
    if parent is None:
        return None
    try:
        return manifests.read(releases / parent)
    except ReleaseError:
        return None  # the report then compares with nothing; `validate` says what is wrong with it


def _new_id(releases: Path, now: datetime) -> str:
    """An id of this second, or of the next one that no release has: ids are in the order in which they were made."""
    stamps = (path.name.partition("-")[0] for path in releases.iterdir() if RELEASE_ID.fullmatch(path.name))
    newest = max(stamps, default="")
    stamp = now.strftime(STAMP)
    if newest >= stamp:
        after = datetime.strptime(newest, STAMP).replace(tzinfo=UTC) + timedelta(seconds=1)
        stamp = after.strftime(STAMP) if after - now < AHEAD else stamp
    return f"{stamp}-{secrets.token_hex(2)}"
