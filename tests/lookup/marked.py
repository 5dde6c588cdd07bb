"""Copies of a release under other ids, whose scores tell which copy they are of."""

import json
import shutil
from pathlib import Path

import numpy as np

from lookup.release.arrays import file_name
from lookup.release.manifest import digest
from lookup.release.schema import NO_ITEM
from lookup.sealed import sealed

STEP = 1000.0
"""Scores of the stored lists of a release marked n are within half of this about n times this; so are, of a session,
those of items of the history and of their transitions."""
MARKED = (
    *("user_topk_score", "user_unseen_score", "user_again_score", "item_topk_score", "popular_score"),
    *("item_repeat", "item_next_weight"),
)


def id_of(n: int) -> str:
    """Ids in the order of their marks."""
    return f"20270101T{n // 3600:02}{n // 60 % 60:02}{n % 60:02}Z-{n:04x}"


def copy(source: Path, releases: Path, mark: int) -> str:
    """A marked copy of a release in a folder of releases; returns its id. Only its catalog has another id."""
    release_id = id_of(mark)
    folder = releases / release_id
    shutil.copytree(source, folder)
    path = folder / "manifest.json"
    data = json.loads(path.read_text()) | {"id": release_id}
    for name in MARKED:
        values = np.load(folder / file_name(name), mmap_mode="r+")
        if name == "item_next_weight":
            values[np.load(folder / file_name("item_next_item")) != NO_ITEM] += mark * STEP
        else:
            values += mark * STEP
        values.flush()
        data["files"][file_name(name)]["sha256"] = digest(folder / file_name(name))
    path.write_text(sealed(data))
    return release_id


def mark_of(score: float) -> int:
    return round(score / STEP)
