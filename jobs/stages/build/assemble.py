"""A release is put together in a temporary folder, synced, and renamed: it is there whole, or not at all."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.config.release import BuildConfig
from jobs.errors import DataError
from jobs.infra.blocks import Blocks
from jobs.infra.runs import Run
from jobs.ranking.index_choice import ask, choose
from jobs.releases.page import REPORT_FILE, render
from jobs.stages.build.annoy_build import build_index
from jobs.stages.build.array_writer import ArrayWriter
from jobs.stages.build.catalog import build_catalog
from jobs.stages.build.columns import Names, write_columns, write_popularity
from jobs.stages.build.ranker_arrays import ranker_facts, write_ranker
from lookup.errors import ReleaseError
from lookup.release import manifest as manifests
from lookup.release import pointer
from lookup.release.arrays import open_array, write
from lookup.release.manifest import FileFact, Manifest
from lookup.release.reader import CATALOG_FILE
from lookup.release.schema import SCHEMA_VERSION
from lookup.retrieval.annoy_index import AnnoyFact
from lookup.retrieval.index_choice import IndexChoice
from lookup.scoring.cold_start import ColdStartFact
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder

BUILDING = ".building-"
LISTS = {"user_topk": "K", "user_again": "B", "item_topk": "S", "popular": "P"}
"""The letters of their lengths."""
PATCHES = "patches.json"
"""What `ingest` says of the patch log; not there where the shop has none."""


def build(config: Config, parent: str | None) -> Manifest:
    """BuildConfig the release of a run and write its id into `release.json`. parent: the release in place, if any.

    Raises MissingStepError when a job before has not run, DataError when the tables do not fit together.
    """
    run = config.run
    space = json.loads((run.existing("vectors") / "space.json").read_text())
    ranker, measured = ranker_facts(run)
    metrics = run.read_json("metrics.json")["metrics"] + measured
    now = datetime.now(UTC)
    release_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    with building(config.releases, release_id) as folder:
        features: dict[str, str] = run.read_json("features.json")["features"]
        dims = write_arrays(folder, run, space, features)
        parameters = ScoreParameters.from_json(space["encoder"])
        annoy, search = write_search(folder, dims, space["space_id"], parameters.encoder, config.build)
        manifest = Manifest(
            id=release_id,
            schema_version=SCHEMA_VERSION,
            created=now.isoformat(timespec="seconds"),
            date=config.date.isoformat(),
            shop=config.shop.name,
            parent=parent,
            space_id=space["space_id"],
            dims=dims,
            counts={
                "items": dims["I"],
                "users": dims["U"],
                "categories": dims["C"],
                "events": len(Blocks.of(run, "events")),
            },
            model={key: space[key] for key in ("model", "text_model", "trained_until")},
            score_parameters=parameters,
            annoy=annoy,
            index_choice=search,
            cold_start=ColdStartFact(**space["describe"]),
            features=features,
            weights=config.weights,
            max_history=config.train.max_history,
            bought=config.topk.bought,
            patches_until=run.read_json(PATCHES)["position"] if run.path(PATCHES).exists() else 0,
            files={},
            metrics=metrics,
            receipt=run.receipts(),
            ranker=ranker,
        )
        build_catalog(folder / CATALOG_FILE, run, manifest, metrics)
        (folder / REPORT_FILE).write_text(render(manifest, _parent(config.releases, parent)), encoding="utf-8")
        manifest = replace(manifest, files=facts(folder))
        manifest.write(folder)
        sync(folder)
        # Before the rename, so that a build killed after it finds what to remove when it runs again.
        run.write_json("release.json", {"id": release_id})
    return manifest


@contextmanager
def building(releases: Path, release_id: str) -> Iterator[Path]:
    """A folder to write a release into, which becomes the release when the block ends without an error."""
    folder = releases / f"{BUILDING}{release_id}"
    folder.mkdir(parents=True)
    try:
        yield folder
        folder.rename(releases / release_id)
        pointer.sync_folder(releases)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(run: Run, releases: Path) -> None:
    """Remove what a killed build left, and the release that this run built before, if it was never announced."""
    for folder in releases.glob(f"{BUILDING}*"):
        shutil.rmtree(folder)
    if not run.path("release.json").exists():
        return
    before = run.read_json("release.json")["id"]
    if before not in pointer.announced(releases):
        shutil.rmtree(releases / before, ignore_errors=True)
    run.path("release.json").unlink()


def write_arrays(folder: Path, run: Run, space: dict[str, Any], features: dict[str, str]) -> dict[str, int]:
    """Write every array of a release; returns the dims.

    space: `vectors/space.json` of the run. features: the kinds of declared features, by name. Raises DataError when
    there is no item, or when the tables do not fit.
    """
    items, users = Blocks.of(run, "items"), Blocks.of(run, "user_vectors")
    lists = {name: Blocks.of(run, name) for name in LISTS}
    names = Names.of(items, features)
    dims = {letter: lists[name].longest("items") for name, letter in LISTS.items()}
    dims |= {"I": len(items), "U": len(users), "E": users.elements("items"), "D": space["dimensions"]}
    dims |= {"N": np.load(run.existing("vectors") / "item_next_item.npy", mmap_mode="r").shape[1]}
    dims |= {"C": len(names.categories), "G": names.depth, "M": len(names.brands)}
    dims |= {"F": len(features), "V": len(names.values)}
    labels = json.loads((run.existing("vectors") / "labels.json").read_text())
    dims |= {"L": len(labels), "H": space["behaviour"], "T": space["text"]}
    dims |= {"Q": np.load(run.existing("vectors") / "label_map.npy", mmap_mode="r").shape[1]}
    if not dims["I"]:
        raise DataError(f"{items.folder}: no item; a release needs at least one")
    writer = ArrayWriter(folder, dims, space["space_id"])
    writer.ids("item", items, "item", "item_id")
    category = writer.keys("category", names.categories)
    write_columns(writer, items, category, names, features)
    writer.records(items, features)
    write_popularity(writer, Blocks.of(run, "popularity"))
    write_ranker(writer, run)
    for name in ("item_input", "item_vector", "item_next_item", "item_next_weight", "item_repeat"):
        writer.copy(name, run.existing("vectors") / f"{name}.npy")
    places = writer.keys("label", labels)
    for part in ("vector", "text"):
        writer.copy(f"label_{part}", run.existing("vectors") / f"label_{part}.npy", [places[name] for name in labels])
    writer.copy("label_map", run.existing("vectors") / "label_map.npy")
    writer.ids("user", users, "user", "user_id")
    writer.vectors("user_vector", users, "user", "vector")
    writer.histories(users)
    writer.lists("user_topk", lists["user_topk"], "user")
    writer.lists("user_again", lists["user_again"], "user")
    writer.lists("item_topk", lists["item_topk"], "item")
    writer.popular(lists["popular"], category)
    return dims


def write_search(
    folder: Path, dims: dict[str, int], space_id: str, encoder: UserEncoder, options: BuildConfig
) -> tuple[AnnoyFact, IndexChoice]:
    """Write what the best items for a vector are found with, when all other arrays are written; adds R to the dims."""

    def opened(name: str) -> NDArray[Any]:
        return open_array(folder, name, dims, space_id)

    items, users = opened("item_vector"), opened("user_vector")
    offsets, events = opened("user_history_offsets"), opened("user_history_item")
    asked = ask(encoder, opened("item_input"), users, lambda user: events[offsets[user] : offsets[user + 1]])
    annoy, about = build_index(folder, items, options.annoy_trees)
    search, sketches = choose(items, annoy, users, asked, options.recall)
    dims["R"] = sketches.items.shape[1]
    for name, values in (("item_sketch", sketches.items), ("query_sketch", sketches.queries)):
        write(folder, name, values, dims, space_id)
    return about, search


def facts(folder: Path) -> dict[str, FileFact]:
    """Bytes and sha256 of every file in a folder, by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): FileFact(path.stat().st_size, manifests.digest(path)) for path in files}


def sync(folder: Path) -> None:
    """Make every file in a folder durable, and the names in it."""
    for path in folder.rglob("*"):
        if path.is_dir():
            pointer.sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    pointer.sync_folder(folder)


def _parent(releases: Path, parent: str | None) -> Manifest | None:
    if parent is None:
        return None
    try:
        return manifests.read(releases / parent)
    except ReleaseError:
        return None  # the report then compares with nothing; `validate` says what is wrong with it
