"""A release again with other shards, or with some of its users alone, by no code of the night."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.release import manifest, pointer, schema
from lookup.release.arrays import creating
from lookup.release.manifest import FileFact
from lookup.release.reader import Release
from lookup.release.schema import FREE, SCHEMA_VERSION, UNSHARDED_VERSION
from lookup.release.shards.routing import bounds


def reshard(source: Path, releases: Path, shards: int, number: int = 0, keep: Sequence[int] | None = None) -> str:
    """Write a release without shards again into a folder of releases, with so many, and announce it; returns its id.

    number: of it there. keep: the rows of the users that stay, rising; None: all. The catalog stays as it was, so that
    not all of it can be verified.
    """
    before = Release(source)
    rows = np.arange(before.manifest.dims["U"]) if keep is None else np.array(keep, dtype=np.int64)
    release_id = f"20260101T00{number:02}00Z-{shards:04x}"
    folder = releases / release_id
    shutil.copytree(source, folder, copy_function=os.link, ignore=shutil.ignore_patterns("user_*", manifest.FILE))
    for made in (folder, folder / "arrays"):
        made.chmod(0o755)
    facts, sizes = before.manifest, []
    ends = bounds(before.arrays["user_hash"][rows].tolist(), shards)
    for shard in range(shards):
        own = dict(parts_of(before, rows[ends[shard] : ends[shard + 1]]))
        sizes.append({"U": len(own["user_hash"]), "E": len(own["user_history_item"])})
        for name, values in own.items():
            free = len(values) if FREE in schema.array(name).shape else 0
            number_of = None if shards == 1 else shard
            with creating(folder, name, facts.dims | sizes[-1], facts.space_id, free, shard=number_of) as out:
                out[...] = values
    names = [path for path in folder.rglob("*") if path.is_file()]
    known = replace(
        facts,
        id=release_id,
        schema_version=SCHEMA_VERSION if shards > 1 else UNSHARDED_VERSION,
        dims=facts.dims | {letter: sum(one[letter] for one in sizes) for letter in ("U", "E")},
        shards=sizes if shards > 1 else None,
        files={
            str(path.relative_to(folder)): FileFact(path.stat().st_size, manifest.digest(path))
            for path in sorted(names)
        },
    )
    known.write(folder)
    pointer.announce(releases, release_id)
    return release_id


def parts_of(release: Release, rows: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of some users. rows: rising."""
    for prefix, offsets_name in (("user_id", "user_id_offsets"), ("user_history", "user_history_offsets")):
        offsets = release.arrays[offsets_name]
        lengths = offsets[rows + 1] - offsets[rows]
        yield offsets_name, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.concatenate([np.arange(offsets[row], offsets[row + 1]) for row in rows] or [[]]).astype(np.int64)
        for array in schema.ARRAYS:
            if array.name.startswith(f"{prefix}_") and array.name != offsets_name:
                yield array.name, release.arrays[array.name][places]
    for array in schema.ARRAYS:
        if array.of_users and array.shape[0] == "U":
            yield array.name, release.arrays[array.name][rows]
