"""A release is put together in a folder of its own, block by block, until every byte of it is right.

A block is taken from where it is nearest: from what an earlier try left, from a release that is here, from a patch on
one, and only then whole from the store. It is written after its sha256 was found right, and before anything is trusted
all files are read once more. So a kill at any moment leaves a folder from which the next try goes on.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from lookup.errors import ReleaseError, StoreError
from lookup.file_modes import OPEN_FILE, delete_sealed, unseal
from lookup.travel.index import (
    BLOCK_BYTES,
    MOST_PACKED_BYTES,
    ReleaseIndex,
    StoredFile,
    block_name,
    patch_name,
)
from lookup.travel.packing import patched, unpacked
from lookup.travel.store import Store

FETCHING = ".fetching-"
"""Prefix of a release that is being fetched."""
THREADS = 8
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
HEADROOM = 64 << 20
"""Bytes of the disk that a fetch leaves free, for whoever else writes there."""


class BlockPlace(NamedTuple):
    """A block of a file of a release."""

    name: str
    number: int


class Assembly:
    """One release that is being put together.

    releases: the folder of the host. index: of the release. local: the folders of releases whose blocks may be used,
    those first that are most like it.
    """

    def __init__(self, store: Store, releases: Path, index: ReleaseIndex, local: list[Path]):
        self.store, self.index, self.local = store, index, local
        self.folder = releases / f"{FETCHING}{index.id}"
        self.bytes_taken = 0
        """Of blocks that were here already."""
        self._base = releases / index.base if index.base else None
        self._files: dict[str, int] = {}
        self._fresh: set[str] = set()
        self._older: dict[tuple[Path, str], int | None] = {}
        self._counting = threading.Lock()

    def run(self, beat: Callable[[], None]) -> None:
        """Bring every block that is not there yet. beat: called now and then, for whoever shows progress.

        Raises StoreError where the store fails, ReleaseError where the disk does. A full disk is cleared of what was
        fetched, because others write there too; after anything else the next try goes on from here.
        """
        try:
            self._make_room()
            with self._open_files():
                self._bring(beat)
                for handle in self._files.values():
                    os.fsync(handle)
        except OSError as error:
            if error.errno in FULL:
                delete_sealed(self.folder)
                raise ReleaseError(
                    f"{self.folder.parent}: the disk is full, so release {self.index.id} is not fetched and the one "
                    f"that serves stays; it needs {self._total() / 1e6:,.0f} MB"
                ) from None
            raise ReleaseError(f"{error.filename or self.folder}: {error.strerror or error}") from None

    def _total(self) -> int:
        return sum(file.bytes for file in self.index.files.values())

    def _make_room(self) -> None:
        """Remove what belongs to no file of the release, and ask whether the rest fits on the disk."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        unseal(self.folder)
        self.folder.chmod(0o700)
        there = 0
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                with suppress(OSError):
                    path.rmdir()  # where nothing is in it
            elif path.is_symlink() or str(path.relative_to(self.folder)) not in self.index.files:
                path.unlink()
            else:
                there += path.stat().st_blocks * 512
        disk = os.statvfs(self.folder)
        if self._total() - there + HEADROOM > disk.f_bavail * disk.f_frsize:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def _open_files(self) -> Iterator[None]:
        """Every file of the release, as large as it will be, open for reading and writing."""
        try:
            for name, file in self.index.files.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    self._fresh.add(name)
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, OPEN_FILE)
                self._files[name] = handle
                os.ftruncate(handle, file.bytes)
                if file.bytes:
                    # Now, not in the middle: a disk that is too full says so before anything is fetched.
                    os.posix_fallocate(handle, 0, file.bytes)
            yield
        finally:
            for opened in (*self._files.values(), *(one for one in self._older.values() if one is not None)):
                os.close(opened)
            self._files, self._older = {}, {}

    def _bring(self, beat: Callable[[], None]) -> None:
        places = [BlockPlace(name, n) for name, file in self.index.files.items() for n in range(len(file.blocks))]
        with ThreadPoolExecutor(THREADS, "daybreak-fetch") as pool:
            try:
                for _ in pool.map(self._one, places):
                    beat()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _one(self, place: BlockPlace) -> None:
        """Make one block right."""
        file = self.index.files[place.name]
        block, size = file.blocks[place.number], file.size(place.number)
        offset = place.number * BLOCK_BYTES
        if place.name not in self._fresh and _right(_read(self._files[place.name], offset, size), block):
            return
        raw = self._from_here(place, file)
        if raw is None:
            raw = self._from_patch(block, size)
        if raw is None:
            raw = self._from_store(block, size)
        else:
            with self._counting:
                self.bytes_taken += size
        _write(self._files[place.name], offset, raw)

    def _from_here(self, place: BlockPlace, file: StoredFile) -> bytes | None:
        """The block, where a release of this host has it at the same place."""
        for folder in self.local:
            handle = self._opened(folder, place.name)
            if handle is not None:
                raw = _read(handle, place.number * BLOCK_BYTES, file.size(place.number))
                if _right(raw, file.blocks[place.number]):
                    return raw
        return None

    def _from_patch(self, block: str, size: int) -> bytes | None:
        """The block as a patch on the release before makes it; None where that is not possible."""
        patch = self.index.patches.get(block)
        if patch is None or self._base not in self.local:
            return None
        handle = self._opened(self._base, patch.file)
        if handle is None:
            return None
        try:
            data = self.store.read(patch_name(self.index.id, block), MOST_PACKED_BYTES)
            raw = None if data is None else patched(_read(handle, patch.offset, patch.bytes), data, size)
        except StoreError:
            return None  # the whole block is there too
        return raw if raw is not None and _right(raw, block) else None

    def _from_store(self, block: str, size: int) -> bytes:
        name = block_name(block)
        why = "missing"
        for _ in range(2):  # a block that was damaged on its way is fetched again
            data = self.store.read(name, MOST_PACKED_BYTES)
            if data is None:
                break
            try:
                raw = unpacked(data, size)
            except StoreError as error:
                why = str(error)
                continue
            if _right(raw, block):
                return raw
            why = "damaged: its bytes do not have the sha256 that its name says"
        raise StoreError(
            f"{self.store.url}/{name}: {why}; remove that object, and `daybreak publish {self.index.id}` uploads it"
        )

    def _opened(self, folder: Path, name: str) -> int | None:
        """A file of a release that is here, open for reading; None where there is none."""
        with self._counting:
            if (folder, name) not in self._older:
                try:
                    self._older[folder, name] = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                except OSError:
                    self._older[folder, name] = None
            return self._older[folder, name]


def _right(raw: bytes, block: str) -> bool:
    return sha256(raw).hexdigest() == block


def _read(handle: int, offset: int, size: int) -> bytes:
    """So many bytes of a file, or as many as there are; none where the disk cannot read them."""
    try:
        return os.pread(handle, size, offset)
    except OSError:
        return b""


def _write(handle: int, offset: int, raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        done = os.pwrite(handle, view, offset)
        view, offset = view[done:], offset + done
