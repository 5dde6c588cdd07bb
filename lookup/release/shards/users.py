"""The users of a release, or of one of its shards, opened: their ids, vectors, histories and lists."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.keys import Keys
from lookup.release import schema
from lookup.release.arrays import check_rows, open_array
from lookup.release.manifest import Manifest
from lookup.release.schema import Array
from lookup.release.shards.routing import Served
from lookup.retrieval.ranked_lists import RankedLists


class UserHistory(NamedTuple):
    """The events that made the night's vector of a user, the newest last."""

    rows: NDArray[np.int32]
    """Item rows, (n,)."""
    days: NDArray[np.int32]
    """Since 1970, UTC, (n,)."""
    weights: NDArray[np.float32]
    """(n,)."""


class Users:
    """The users of a shard, or of a release without shards, which is like one shard. A row is a place among them.

    arrays: those of users, by name. first: the row of the first of them among all users of the release.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], first: int = 0):
        self.arrays, self.first = arrays, first
        self.keys = Keys(*(arrays[f"user_{part}"] for part in ("hash", "id_offsets", "id_bytes")))
        self.vector: NDArray[np.float32] = arrays["user_vector"]
        """u of each, (U, D)."""
        self.topk, self.unseen, self.again = (
            RankedLists(arrays[f"user_{name}_item"], arrays[f"user_{name}_score"])
            for name in ("topk", "unseen", "again")
        )
        self._offsets = arrays["user_history_offsets"].data

    def __len__(self) -> int:
        return len(self.keys)

    def history(self, row: int) -> UserHistory:
        """The events that made the night's vector of a user."""
        part = slice(self._offsets[row], self._offsets[row + 1])
        return UserHistory(*(self.arrays[f"user_history_{name}"][part] for name in ("item", "day", "weight")))


def open_arrays(path: Path, facts: Manifest, checked: bool) -> dict[str, NDArray[Any]]:
    """Every array of the release in a folder by its name, but those of users where they are in shards.

    checked: every byte is known to be right, so no number has to be looked at. Raises ReleaseError, naming the file.
    """
    stated = [array for array in schema.ARRAYS if facts.shards is None or not array.of_users]
    return _mapped(path, facts, stated, facts.dims, None, checked=checked)


def open_shards(
    path: Path, facts: Manifest, arrays: Mapping[str, NDArray[Any]], served: Served, checked: bool
) -> tuple[Users | None, ...]:
    """The users of each shard of the release in a folder, None for one that is not served; without shards, all users.

    arrays: as `open_arrays` returns them. checked, raises: see there.
    """
    of_users = [array for array in schema.ARRAYS if array.of_users]
    if facts.shards is None:
        return (Users({array.name: arrays[array.name] for array in of_users}),)
    mine, first = served.among(len(facts.shards)), 0
    found: list[Users | None] = []
    for shard, sizes in enumerate(facts.shards):
        if shard in mine:
            own = _mapped(path, facts, of_users, facts.dims | sizes, shard, checked=checked)
            found.append(Users(own, first))
        else:
            found.append(None)
        first += sizes["U"]
    return tuple(found)


def _mapped(
    path: Path, facts: Manifest, stated: Sequence[Array], dims: Mapping[str, int], shard: int | None, *, checked: bool
) -> dict[str, NDArray[Any]]:
    """Arrays by their names: mapped where the release has them, else their stand-ins. dims: of the shard."""
    arrays = {
        array.name: open_array(path, array.name, dims, facts.space_id, shard)
        if array.since <= facts.schema_version
        else array.filled(dims)
        for array in stated
    }
    for array in () if checked else stated:
        if array.since <= facts.schema_version:
            check_rows(path, array.name, arrays[array.name], dims, arrays, shard=shard)
    return arrays
