"""The arrays of a release, and the index over its items, from the tables and vectors of a run."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.release import BuildConfig
from jobs.errors import DataError
from jobs.infra.blocks import Blocks
from jobs.infra.item_groups import item_groups
from jobs.infra.runs import Run
from jobs.infra.vector_store import VECTOR_ARRAYS, VectorStore, array_path
from jobs.ranking.index_choice import FITTED_ON, ask, choose, spread_rows
from jobs.releases.arrays.array_writer import ArrayWriter
from jobs.releases.arrays.user_arrays import (
    USER_LISTS,
    USERS,
    StoredUsers,
    copy_shards,
    shard_dims,
    write_user_arrays,
)
from jobs.search.search_file import FILE, FOLDER
from jobs.stages.build.annoy_writer import build_index
from jobs.stages.build.item_columns import Names, write_columns, write_groups, write_popularity
from jobs.stages.build.ranker_arrays import write_ranker
from lookup.release.arrays import open_array, write
from lookup.release.manifest_rules import SHARDED
from lookup.retrieval.annoy_index import AnnoyFact
from lookup.retrieval.index_choice import IndexChoice
from lookup.search import FILE as SEARCH_FILE

LISTS = {"item_topk": "S", "popular": "P"}
"""The tables of lists that are not of users, and the letters of their lengths."""
Shards = list[dict[str, int]] | None


def write_arrays(
    folder: Path, run: Run, vectors: VectorStore, features: dict[str, str], shards: Shards = None
) -> dict[str, int]:
    """Write every array of a release but those of `write_index`. Returns the dims.

    features: the kinds of declared features, by name. shards: U and E of each shard whose arrays the run has; None: the
    users are in one piece. Raises DataError when there is no item, or when the tables do not fit together.
    """
    items = Blocks.of(run, "items")
    lists = {name: Blocks.of(run, name) for name in LISTS}
    if not len(items):
        raise DataError(f"{items.folder}: no item; a release needs at least one")
    names = Names.of(items, features)
    dims = {letter: lists[name].longest("items") for name, letter in LISTS.items()}
    dims |= vectors.dims()
    dims |= {"I": len(items)}
    dims |= {"C": len(names.categories), "G": names.depth, "M": len(names.brands)}
    groups = item_groups(run)
    dims |= {"J": len(groups.names)}
    dims |= {"F": len(features), "V": len(names.values)}
    writer = ArrayWriter(folder, dims, vectors.space.space_id)
    writer.ids("item", items, "item", "item_id")
    category = writer.keys("category", names.categories)
    write_columns(writer, items, category, names, features)
    write_groups(writer, groups)
    writer.records(items, features)
    write_popularity(writer, Blocks.of(run, "popularity"))
    write_ranker(writer, run)
    copy_vectors(writer, vectors)
    if shards is None:
        users = Blocks.of(run, USERS)
        own = {name: Blocks.of(run, name) for name in USER_LISTS}
        dims |= {"U": len(users), "E": users.elements("items")}
        dims |= {letter: own[name].longest("items") for name, letter in USER_LISTS.items()}
        write_user_arrays(writer, users, own)
    else:
        dims |= shard_dims(run) | {letter: sum(one[letter] for one in shards) for letter in SHARDED}
        copy_shards(run, folder, len(shards))
    writer.lists("item_topk", lists["item_topk"], "item")
    writer.popular(lists["popular"], category)
    return dims


def copy_search(folder: Path, run: Run) -> None:
    """The search index, where the run has one."""
    if run.path(FOLDER).exists():
        shutil.copyfile(run.existing(FOLDER) / FILE, folder / SEARCH_FILE)


def copy_vectors(writer: ArrayWriter, vectors: VectorStore) -> None:
    """The arrays of the folder of vectors, and the keys of the labels. Labels get the order of keys."""
    places = writer.keys("label", vectors.labels)
    label_rows = [places[name] for name in vectors.labels]
    for array in VECTOR_ARRAYS:
        rows = label_rows if array.shape[0] == "L" else None
        writer.copy(array.name, array_path(vectors.folder, array.name), rows)


def write_index(
    folder: Path, dims: dict[str, int], vectors: VectorStore, options: BuildConfig, shards: Shards = None
) -> tuple[AnnoyFact, IndexChoice]:
    """Write what the best items for a vector are found with, when all other arrays are written; adds R to the dims.

    shards: as in `write_arrays`.
    """
    space_id = vectors.space.space_id

    def opened(name: str) -> NDArray[Any]:
        return open_array(folder, name, dims, space_id)

    items, users = opened("item_vector"), StoredUsers(folder, dims, space_id, shards)
    asked = ask(vectors.encoder, opened("item_input"), len(users), users.vector, users.history)
    some = [users.vector(row) for row in spread_rows(len(users), FITTED_ON).tolist()]
    fitted = np.array(some, dtype=np.float32).reshape(-1, items.shape[1])
    annoy, about = build_index(folder, items, options.annoy_trees)
    choice, sketches = choose(items, annoy, fitted, asked, options.recall)
    dims["R"] = sketches.items.shape[1]
    for name, values in (("item_sketch", sketches.items), ("query_sketch", sketches.queries)):
        write(folder, name, values, dims, space_id)
    return about, choice
