"""The arrays of users from the tables of a run: in one piece, or in shards that tasks of Spark write side by side.

Where `[build] shards` asks for shards, `embed_users` and `topk` write their tables of users in a folder for each shard,
and at its end `topk` writes the arrays of each shard from those folders alone: `user_arrays` of the run. `build` puts
them into the release.
"""

import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError, MissingStepError
from jobs.infra.blocks import Blocks
from jobs.infra.runs import SHARD, Run
from jobs.releases.arrays.array_writer import ArrayWriter
from lookup.release import schema
from lookup.release.arrays import file_name, open_array
from lookup.release.shards.routing import of_hash

FOLDER = "user_arrays"
"""The folder of a run with the arrays of the shards, laid out as in a release."""
SIZES = "shards.json"
"""What is in it, in that folder."""
ATTEMPTS = ".attempt-*"
"""Folders in it in which tasks write."""
USER_LISTS = {"user_topk": "K", "user_unseen": "O", "user_again": "B"}
"""The tables of lists of users, and the letters of their lengths."""
USERS = "user_vectors"


def write_user_arrays(writer: ArrayWriter, users: Blocks, lists: dict[str, Blocks]) -> None:
    """Write all arrays of users. users, lists: tables USER_VECTORS and USER_LISTS, or the part of the writer's
    shard."""
    writer.ids("user", users, "user", "user_id")
    writer.vectors("user_vector", users, "user", "vector")
    writer.histories(users)
    for name, blocks in lists.items():
        writer.lists(name, blocks, "user")


@dataclass(frozen=True)
class ShardPlan:
    """What a task must know to write a shard."""

    run: Run
    sizes: list[int]
    """How many users each shard has."""
    dims: dict[str, int]
    """The letters of the users' arrays, without U and E."""
    space_id: str

    @classmethod
    def of(cls, run: Run, shards: int, dims: dict[str, int], space_id: str) -> "ShardPlan":
        """The plan for so many shards. Raises MissingStepError as `shard_sizes` does."""
        return cls(run, shard_sizes(run, shards), dims, space_id)

    def write(self, folder: Path, shard: int) -> dict[str, int]:
        """Write the arrays of a shard into a folder laid out as a release. Returns its U and E.

        Another attempt of Spark at the same shard harms nothing: the first that ends counts. Raises DataError when the
        tables do not fit together.
        """
        users = part(self.run, USERS, shard)
        sizes = {"U": self.sizes[shard], "E": users.elements("items")}
        attempt = folder / ATTEMPTS.replace("*", uuid.uuid4().hex)
        first = sum(self.sizes[:shard])
        writer = ArrayWriter(attempt, self.dims | sizes, self.space_id, shard=shard, first=first)
        try:
            write_user_arrays(writer, users, {name: part(self.run, name, shard) for name in USER_LISTS})
            self._check_hashes(attempt, shard, sizes)
            made = attempt / file_name("user_hash", shard)
            final = folder / file_name("user_hash", shard)
            final.parent.parent.mkdir(exist_ok=True)
            if not final.parent.exists():
                made.parent.rename(final.parent)
        finally:
            shutil.rmtree(attempt, ignore_errors=True)
        return sizes

    def _check_hashes(self, folder: Path, shard: int, sizes: dict[str, int]) -> None:
        hashes = open_array(folder, "user_hash", self.dims | sizes, self.space_id, shard)
        for hashed in (int(hashes[0]), int(hashes[-1])) if len(hashes) else ():
            if of_hash(hashed, len(self.sizes)) != shard:
                raise DataError(f"{part(self.run, USERS, shard).folder}: it holds a user of another shard; {AGAIN}")


AGAIN = "run `daybreak job embed_users` again, and the jobs after it"


def part(run: Run, name: str, shard: int) -> Blocks:
    """The part of a table of users that is of one shard."""
    return Blocks(run.path(name) / f"{SHARD}={shard}")


def parts_of(run: Run, name: str) -> list[Blocks]:
    """The parts of a table by shard, the first one first; the whole of one that is in no shards."""
    whole = Blocks.of(run, name)
    return [Blocks(folder) for folder in sorted(whole.folder.glob(f"{SHARD}=*"), key=_number)] or [whole]


def _number(folder: Path) -> int:
    return int(folder.name.partition("=")[2])


def shard_sizes(run: Run, shards: int) -> list[int]:
    """How many users each shard has. Raises MissingStepError where table USER_VECTORS is missing or has others."""
    every = len(Blocks.of(run, USERS))
    sizes = [len(part(run, USERS, shard)) for shard in range(shards)]
    if sum(sizes) != every:
        raise MissingStepError(f"{run.path(USERS)}: it is not in {shards} shards, as [build] wants them; {AGAIN}")
    return sizes


def shards_of(run: Run, shards: int) -> list[dict[str, int]] | None:
    """U and E of each shard whose arrays the run has; None where `[build]` asks for none.

    Raises MissingStepError, naming the job, where the run has not these shards.
    """
    if shards < 2:
        return None
    found: list[dict[str, int]] = _said(run)["shards"]
    if len(found) != shards:
        raise MissingStepError(f"{run.path(FOLDER)}: {len(found)} shards, and [build] asks for {shards}; {AGAIN}")
    return found


def shard_dims(run: Run) -> dict[str, int]:
    """The lengths of the lists in the shards' arrays, by letter."""
    dims: dict[str, int] = _said(run)["dims"]
    return {letter: dims[letter] for letter in USER_LISTS.values()}


def _said(run: Run) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((run.existing(FOLDER) / SIZES).read_text())
    return said


def copy_shards(run: Run, release: Path, shards: int) -> None:
    """Put the arrays of all shards into the folder of a release: copies, for a run may go while the release serves."""
    for shard in range(shards):
        name = os.path.dirname(file_name("user_hash", shard))
        shutil.copytree(run.existing(FOLDER) / name, release / name)


class StoredUsers:
    """The users of a release that is being built, by their rows among all.

    shards: U and E of each; None: in one piece.
    """

    def __init__(self, release: Path, dims: dict[str, int], space_id: str, shards: list[dict[str, int]] | None):
        parts: list[tuple[int | None, dict[str, int]]]
        parts = [(None, {})] if shards is None else list(enumerate(shards))
        names = [array.name for array in schema.ARRAYS if array.of_users]
        self._parts = [
            {name: open_array(release, name, dims | own, space_id, shard) for name in names} for shard, own in parts
        ]
        self._ends = np.cumsum([len(one["user_hash"]) for one in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def vector(self, row: int) -> NDArray[np.float32]:
        """u of a user, float32 (D,)."""
        own, place = self._place(row)
        vector: NDArray[np.float32] = own["user_vector"][place]
        return vector

    def history(self, row: int) -> NDArray[np.int32]:
        """The item rows of a user's events, the newest last."""
        own, place = self._place(row)
        offsets = own["user_history_offsets"]
        events: NDArray[np.int32] = own["user_history_item"][offsets[place] : offsets[place + 1]]
        return events

    def _place(self, row: int) -> tuple[dict[str, NDArray[Any]], int]:
        number = int(np.searchsorted(self._ends, row, side="right"))
        own = self._parts[number]
        return own, row - int(self._ends[number]) + len(own["user_hash"])
