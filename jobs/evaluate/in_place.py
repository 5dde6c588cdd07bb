"""The release in place as a second contestant: its vectors, put in the order of this run's items."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.embed_items.join import followers, repeats
from jobs.log import event
from lookup import pointer
from lookup.encoder import Encoder
from lookup.errors import ReleaseError
from lookup.release import Release, open_from

ABSENT = np.float32(-1e9)
"""The bias of an item that the release does not know: it is not listed."""


def prepare(releases: Path, item_ids: list[str], until: date, folder: Path) -> tuple[str, Encoder] | None:
    """Write the arrays of `vectors/` for the release that CURRENT names; returns its id and encoder.

    item_ids: of this run, in the order of rows. until: the first held-out day. None, and the log says why, where there
    is no release, it cannot be read, or its model has seen held-out days.
    """
    current = pointer.read_or_none(releases)
    if current is None:
        return None
    try:
        release = open_from(releases, current)
        seen_until = date.fromisoformat(release.manifest.model["trained_until"])
    except (ReleaseError, KeyError, ValueError) as error:
        event("evaluate", "not compared", why=error)
        return None
    if seen_until > until:
        event("evaluate", "not compared", why=f"{current} was trained on events up to {seen_until}, held out here")
        return None
    theirs = np.asarray([release.items.find(item) for item in item_ids], dtype=np.int64)
    folder.mkdir(parents=True)
    for name, array in _arrays(release, theirs).items():
        np.save(folder / f"{name}.npy", array)
    return current, release.encoder


def _arrays(release: Release, theirs: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The arrays by name. theirs: of each item of this run the row in the release, -1 where it has none."""
    there = theirs >= 0
    inputs = np.where(there[:, None], release.item_input[theirs], 0).astype(np.float32)
    vectors = np.where(there[:, None], release.item_vector[theirs], 0).astype(np.float32)
    vectors[~there, release.encoder.bias] = ABSENT
    ours = np.full(len(release.items), -1, dtype=np.int64)
    ours[theirs[there]] = np.flatnonzero(there)
    found, weights = followers(ours, len(theirs), release.next_item, release.next_weight)
    again = repeats(ours, len(theirs), release.item_repeat)
    follow = {"item_next_item": found, "item_next_weight": weights, "item_repeat": again}
    return {"item_input": inputs, "item_vector": vectors, **follow}
