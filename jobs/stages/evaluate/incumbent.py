"""The incumbent as a contestant: its vectors, in the order of this run's items."""

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.infra.logging import log_line
from jobs.infra.vector_store import VectorWriter
from lookup.errors import ReleaseError
from lookup.release import pointer
from lookup.release.arrays import settle
from lookup.release.reader import Release, open_from
from lookup.scoring.score_parameters import ScoreParameters

ABSENT = np.float32(-1e9)
"""The bias of an item that the incumbent does not know, so that no list has it. Of a bought item only a part of the
bias may count, so its repeats add as much."""
BLOCK = 8192
"""Vectors of so many items are in memory at a time."""


def prepare(releases: Path, item_ids: list[str], until: date, folder: Path) -> tuple[str, ScoreParameters] | None:
    """Write the arrays of items (`ITEM_ARRAYS`) of the release that CURRENT names; returns its id and score parameters.

    item_ids: of this run, in the order of rows. until: the first held-out day. None where there is no release. None,
    and a line in the log, where it cannot be read or its model has seen held-out days.
    """
    current = pointer.read_or_none(releases)
    if current is None:
        return None
    try:
        release = open_from(releases, current)
        seen_until = date.fromisoformat(release.manifest.model["trained_until"])
    except (ReleaseError, KeyError, ValueError) as error:
        log_line("evaluate", "not compared", why=error)
        return None
    if seen_until > until:
        log_line("evaluate", "not compared", why=f"{current} was trained on events up to {seen_until}, held out here")
        return None
    theirs = np.asarray([release.items.find(item) for item in item_ids], dtype=np.int64)
    folder.mkdir(parents=True)
    _write(release, theirs, folder)
    return current, release.score_parameters


def _write(release: Release, theirs: NDArray[np.int64], folder: Path) -> None:
    """Write the arrays block by block: memory holds single numbers of all items, but vectors of one block only.

    theirs: the row in the release of each item of this run, -1 where the release does not know it.
    """
    there = theirs >= 0
    ours = np.full(len(release.items) + 1, -1, dtype=np.int64)  # place -1, of no item, is the last
    ours[theirs[there]] = np.flatnonzero(there)
    writer = VectorWriter(folder)
    writer.write("item_repeat", np.where(there, release.item_repeat[theirs], ABSENT))
    sources = {
        "item_input": release.item_input,
        "item_vector": release.item_vector,
        "item_next_item": release.next_item,
        "item_next_weight": release.next_weight,
    }
    with ExitStack() as stack:
        arrays = {
            name: stack.enter_context(writer.create(name, (len(theirs), source.shape[1])))
            for name, source in sources.items()
        }
        for start in range(0, len(theirs), BLOCK):
            for name, values in _rows(release, theirs[start : start + BLOCK], ours).items():
                arrays[name][start : start + BLOCK] = values
                settle(arrays[name])
                settle(sources[name])


def _rows(release: Release, theirs: NDArray[np.int64], ours: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """A block of each array, by name. theirs: rows in the release. ours: the row of this run of each row there."""
    there = theirs[:, None] >= 0
    vectors = np.where(there, release.item_vector[theirs], 0)
    vectors[~there[:, 0], release.encoder.bias] = ABSENT
    found = np.where(there, ours[release.next_item[theirs]], -1)
    return {
        "item_input": np.where(there, release.item_input[theirs], 0),
        "item_vector": vectors,
        "item_next_item": found,
        "item_next_weight": np.where(found >= 0, release.next_weight[theirs], 0),
    }
