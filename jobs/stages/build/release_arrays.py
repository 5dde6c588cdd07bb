"""The arrays of a release, and the index over its items, from the tables and vectors of a run."""

import shutil
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from jobs.config.release import BuildConfig
from jobs.errors import DataError
from jobs.infra.blocks import Blocks
from jobs.infra.item_groups import item_groups
from jobs.infra.runs import Run
from jobs.infra.vector_store import VECTOR_ARRAYS, VectorStore, array_path
from jobs.ranking.index_choice import ask, choose
from jobs.search.search_file import FILE, FOLDER
from jobs.stages.build.annoy_writer import build_index
from jobs.stages.build.array_writer import ArrayWriter
from jobs.stages.build.item_columns import Names, write_columns, write_groups, write_popularity
from jobs.stages.build.ranker_arrays import write_ranker
from lookup.release.arrays import open_array, write
from lookup.retrieval.annoy_index import AnnoyFact
from lookup.retrieval.index_choice import IndexChoice
from lookup.search import FILE as SEARCH_FILE

LISTS = {"user_topk": "K", "user_unseen": "O", "user_again": "B", "item_topk": "S", "popular": "P"}
"""The tables of lists, and the letters of their lengths."""


def write_arrays(folder: Path, run: Run, vectors: VectorStore, features: dict[str, str]) -> dict[str, int]:
    """Write every array of a release but those of `write_index`. Returns the dims.

    features: the kinds of declared features, by name. Raises DataError when there is no item, or when the tables do not
    fit together.
    """
    items, users = Blocks.of(run, "items"), Blocks.of(run, "user_vectors")
    lists = {name: Blocks.of(run, name) for name in LISTS}
    if not len(items):
        raise DataError(f"{items.folder}: no item; a release needs at least one")
    names = Names.of(items, features)
    dims = {letter: lists[name].longest("items") for name, letter in LISTS.items()}
    dims |= vectors.dims()
    dims |= {"I": len(items), "U": len(users), "E": users.elements("items")}
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
    writer.ids("user", users, "user", "user_id")
    writer.vectors("user_vector", users, "user", "vector")
    writer.histories(users)
    writer.lists("user_topk", lists["user_topk"], "user")
    writer.lists("user_unseen", lists["user_unseen"], "user")
    writer.lists("user_again", lists["user_again"], "user")
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
    folder: Path, dims: dict[str, int], vectors: VectorStore, options: BuildConfig
) -> tuple[AnnoyFact, IndexChoice]:
    """Write what the best items for a vector are found with, when all other arrays are written; adds R to the dims."""
    space_id = vectors.space.space_id

    def opened(name: str) -> NDArray[Any]:
        return open_array(folder, name, dims, space_id)

    items, users = opened("item_vector"), opened("user_vector")
    offsets, events = opened("user_history_offsets"), opened("user_history_item")
    asked = ask(vectors.encoder, opened("item_input"), users, lambda user: events[offsets[user] : offsets[user + 1]])
    annoy, about = build_index(folder, items, options.annoy_trees)
    choice, sketches = choose(items, annoy, users, asked, options.recall)
    dims["R"] = sketches.items.shape[1]
    for name, values in (("item_sketch", sketches.items), ("query_sketch", sketches.queries)):
        write(folder, name, values, dims, space_id)
    return about, choice
