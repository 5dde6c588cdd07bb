"""The files of a release that a host opens: which they are by its shards, and whether they are as the manifest says."""

import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from lookup.duckdb_file import REMEDY, held_by, opened
from lookup.errors import ReleaseError
from lookup.release import manifest, schema
from lookup.release.arrays import file_name
from lookup.release.catalog_schema import CATALOG_FILE
from lookup.release.check import Damage, DamagedError, harm, known, remember, seal
from lookup.release.manifest import Checked, FileFact, Manifest, reason, silent
from lookup.release.manifest_rules import SHARDED
from lookup.release.shards.routing import Served, needed, shards_in

LOG = logging.getLogger("lookup")
DUCKDB_MAGIC = b"DUCK"
DUCKDB_MAGIC_AT = 8
"""A DuckDB file begins with a checksum of 8 bytes; its magic bytes follow."""


def files_of(facts: Manifest) -> list[str]:
    """The files that a reader of all shards needs of a release, relative to it, by what its schema version promises."""
    shards: list[int | None] = [None] if facts.shards is None else [*range(len(facts.shards))]
    arrays = (
        file_name(array.name, shard)
        for array in schema.arrays_of(facts.schema_version)
        for shard in (shards if array.of_users else [None])
    )
    return [CATALOG_FILE, facts.annoy.file, *arrays]


def check_sizes(release: Path, files: Mapping[str, FileFact]) -> None:
    """Check that every file of the release in a folder exists, is no link and has its size: fast.

    files: those to check. Raises ReleaseError, naming the file.
    """
    for name in sorted({parent for name in files if (parent := os.path.dirname(name))}):
        if (release / name).is_symlink():
            raise ReleaseError(f"{release / name}: a link; a release holds its files itself")
    for name, fact in files.items():
        try:
            found = (release / name).lstat()
        except OSError as error:
            raise ReleaseError(f"{release / name}: the manifest names it, but {reason(error)}") from None
        if not stat.S_ISREG(found.st_mode):
            raise ReleaseError(f"{release / name}: no plain file; a release holds its files itself")
        if found.st_size != fact.bytes:
            raise ReleaseError(f"{release / name}: {found.st_size} bytes found, {fact.bytes} expected by the manifest")


def check_bytes(release: Path, files: Mapping[str, FileFact], checked: Checked = silent) -> None:
    """Check every byte of these files. checked: told how far it is.

    Raises ReleaseError, naming the file.
    """
    check_sizes(release, files)
    done, total = 0, sum(fact.bytes for fact in files.values())
    checked(done, total)
    for name, fact in files.items():
        found = manifest.digest(release / name)
        if found != fact.sha256:
            raise ReleaseError(f"{release / name}: {fact.damaged(found)}")
        done += fact.bytes
        checked(done, total)


def checked_files(path: Path, served: Served) -> Manifest:
    """The manifest of the release in a folder, whose files are there as it says, as far as this host needs them."""
    if not path.is_dir():
        raise ReleaseError(f"{path}: there is no such release; `daybreak releases` lists those that exist")
    facts = manifest.read(path)
    absent = [name for name in files_of(facts) if name not in facts.files]
    if absent:
        raise ReleaseError(f"{path / manifest.FILE}: its files lack {', '.join(absent)}")
    _check_shards(path, facts)
    files = needed(facts.files, served)
    try:
        check_sizes(path, files)
    except ReleaseError as error:
        if served.every and facts.shards is not None:
            raise ReleaseError(
                f"{error}. Where only some shards were fetched, say which: shards=[…], of={len(facts.shards)}"
            ) from None
        raise
    if CATALOG_FILE in files:
        _check_magic(path / CATALOG_FILE)
    return facts


def verified(path: Path, files: dict[str, FileFact], checked: Checked) -> Damage:
    """Check every byte of some files of a release, and its catalog; that nothing is wrong is remembered."""
    sealed = seal(path, files)
    check_bytes(path, files, checked)
    if CATALOG_FILE in files:
        _check_catalog(path)
    if seal(path, files) == sealed:
        remember(sealed, {})
    return {}


def found_before(path: Path, files: dict[str, FileFact]) -> Damage | None:
    """What a check of these files of a release found on this host; None where there was none.

    Raises DamagedError where answers may be wrong.
    """
    damage = known(seal(path, files))
    if damage is not None and (why := harm(damage)) is not None:
        raise DamagedError(why)
    return damage


def _check_shards(path: Path, facts: Manifest) -> None:
    """Raise ReleaseError where the shards of a manifest are not those of its files, or not of its size."""
    shards, found = facts.shards, shards_in(facts.files)
    if found != len(shards or [{}]):
        raise ReleaseError(f"{path / manifest.FILE}: its files are of {found} shards; it says {len(shards or [{}])}")
    for letter in SHARDED if shards else ():
        total = sum(one[letter] for one in shards or [])
        if total != facts.dims[letter]:
            raise ReleaseError(
                f"{path / manifest.FILE}: {letter} of its shards is {total} together; by the dims it is "
                f"{facts.dims[letter]}"
            )


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(DUCKDB_MAGIC_AT + len(DUCKDB_MAGIC))
    if head[DUCKDB_MAGIC_AT:] != DUCKDB_MAGIC:
        raise ReleaseError(f"{path}: not a DuckDB file: {head[DUCKDB_MAGIC_AT:]!r} found, {DUCKDB_MAGIC!r} expected")


def _check_catalog(release: Path) -> None:
    import duckdb  # for SQL and for verifying; a backend that serves does not load it

    path = release / CATALOG_FILE
    try:
        if (why := held_by(path)) is not None:  # its sha256 is right, and that is enough
            LOG.warning("%s: %s: its tables are not read. %s", path, why, REMEDY)
            return
        with opened(path) as catalog:
            rows = catalog.execute("SELECT key, value FROM manifest").fetchall()
    except duckdb.Error as error:
        raise ReleaseError(f"{path}: DuckDB cannot read its manifest: {error}") from None
    found = dict(rows)
    for key, value in manifest.facts_in(release).items():
        if found.get(key) != value:
            raise ReleaseError(
                f"{path}: its {key} is {found.get(key)}; that of {manifest.FILE} is {value}; one of them is "
                "damaged, or they are of different releases or spaces, which are never mixed"
            )
