"""Upload a release: its blocks, the patches that make them of the release before, its index, and then CURRENT.

Nothing that a store holds already is sent again. Until CURRENT moves, which happens only where it still names what it
named when the upload began, no host knows of the new release.
"""

import mmap
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from jobs.infra.logging import Progress, log_line
from jobs.releases.remote.drift import Drift
from jobs.releases.remote.lease import Lease, writing
from lookup.errors import ReleaseError, StoreError
from lookup.release import manifest as manifests
from lookup.release.manifest import Manifest
from lookup.release.pointer import CURRENT
from lookup.travel.index import (
    BLOCK_BYTES,
    BlockPatch,
    ReleaseIndex,
    StoredFile,
    block_name,
    index_name,
    patch_name,
    read_current,
    read_index,
)
from lookup.travel.packing import packed, patch
from lookup.travel.store import Store, Version

THREADS = 8
AHEAD = 32
"""Blocks that are in memory at once, at most."""
WORTH = 0.7
"""A patch of more than this part of the packed block is not worth it."""


class Sent(NamedTuple):
    """What an upload did."""

    blocks: int
    """That the store had not."""
    bytes: int
    """That went to the store, blocks and patches, packed."""
    patch_bytes: int
    """Of all patches: what a host moves that has the release before."""


class Pointed(NamedTuple):
    """What CURRENT of a store named."""

    id: str | None
    version: Version | None


def pointed(store: Store) -> Pointed:
    """What CURRENT of a store names now. Raises StoreError when it is not readable."""
    found = read_current(store)
    return Pointed(None, None) if found is None else Pointed(*found)


def send(store: Store, releases: Path, release_id: str, base: str | None) -> Sent:
    """Upload a release of a folder, which is verified, but for CURRENT. base: the id of the release that hosts have.

    Raises StoreError where the store fails or another process writes there, ReleaseError where a file of the release
    changes meanwhile. The store then has no new release; the next try goes on from there.
    """
    facts = manifests.read(releases / release_id)
    with writing(store, f"uploading {release_id}") as lease:
        upload = _Upload(store, lease, releases, facts, base)
        index = upload.run()
        lease.renew(now=True)
        store.write(index_name(release_id), index.encoded())
    sent = Sent(upload.blocks, upload.bytes, upload.patch_bytes)
    log_line("publish", "uploaded", store=store.url, release=release_id, blocks=sent.blocks, mib=sent.bytes >> 20)
    return sent


def point(store: Store, release_id: str, instead_of: Pointed) -> None:
    """Point CURRENT of a store at a release that it has, where CURRENT still is what it was.

    Raises StoreError where somebody else has moved it meanwhile, or where the store does not have the release.
    """
    _must_have(store, release_id)
    made = store.write_if(CURRENT, f"{release_id}\n".encode(), instead_of.version)
    if made is None:
        now = pointed(store).id
        raise StoreError(
            f"{store.url}: CURRENT names {now or 'none'} now, and named {instead_of.id or 'none'} when this began: "
            "somebody else published there meanwhile, and theirs serves; try again where you still want yours"
        )
    try:
        _must_have(store, release_id)  # `daybreak prune` may have removed it in between
    except StoreError:
        if instead_of.id is not None:
            store.write_if(CURRENT, f"{instead_of.id}\n".encode(), made)
        raise


def _must_have(store: Store, release_id: str) -> None:
    if read_index(store, release_id) is None:
        raise StoreError(
            f"{store.url}: the store does not have release {release_id}; `daybreak publish {release_id}` uploads it"
        )


class _Put(NamedTuple):
    """What became of a block."""

    block: str
    bytes: int
    """That went to the store for the block itself; 0 where the store had it."""
    patch_bytes: int
    """Of its patch; 0 where none was worth it."""
    start: BlockPatch | None
    """Where the patch starts from; None where none was tried."""


class _Upload:
    """The upload of one release."""

    def __init__(self, store: Store, lease: Lease, releases: Path, facts: Manifest, base: str | None):
        self._store, self._lease, self._folder, self._facts = store, lease, releases / facts.id, facts
        self._there = {one.name.rpartition("/")[2] for one in store.entries("blocks") if one.bytes}
        there = base is not None and base != facts.id and (releases / base).is_dir()
        self._base = releases / base if base is not None and there else None
        self._patches: dict[str, BlockPatch] = {}
        self.blocks, self.bytes, self.patch_bytes = 0, 0, 0

    def run(self) -> ReleaseIndex:
        """Send what the store does not have; returns the index. Raises as `send` does."""
        sizes = {name: fact.bytes for name, fact in self._facts.files.items()}
        sizes[manifests.FILE] = (self._folder / manifests.FILE).stat().st_size
        progress, done = Progress("publish", "MB", sum(sizes.values()) // 1_000_000), 0
        files: dict[str, StoredFile] = {}
        with ThreadPoolExecutor(THREADS, "daybreak-publish") as pool:
            for name, size in sizes.items():
                try:
                    files[name] = self._file(name, size, pool)
                except OSError as error:
                    raise ReleaseError(f"{self._folder / name}: cannot be read: {error.strerror}") from None
                done += size
                progress.at(done // 1_000_000)
        base = None if self._base is None or not self._patches else self._base.name
        return ReleaseIndex(self._facts.id, self._facts.shop, self._facts.date, files, base, self._patches)

    def _file(self, name: str, size: int, pool: ThreadPoolExecutor) -> StoredFile:
        """Send the blocks of a file, in their order, some at a time."""
        blocks: list[str] = []
        whole = sha256()
        waiting: deque[Future[_Put]] = deque()
        with self._older(name) as older, (self._folder / name).open("rb") as file:
            drift = None if older is None else Drift(older)
            while raw := file.read(BLOCK_BYTES):
                offset, block = len(blocks) * BLOCK_BYTES, sha256(raw).hexdigest()
                whole.update(raw)
                blocks.append(block)
                base, start = b"", None
                if older is not None and drift is not None:
                    place = None if older[offset : offset + len(raw)] == raw else drift.base(offset, raw)
                    if place is not None:
                        start = BlockPatch(name, *place)
                        base = older[start.offset : start.offset + start.bytes]
                known = block in self._there
                self._there.add(block)
                if not known or start is not None:
                    waiting.append(pool.submit(self._put, block, raw, known, base, start))
                while len(waiting) > AHEAD:
                    self._count(waiting.popleft().result())
                self._lease.renew()
            for last in waiting:
                self._count(last.result())
        fact = self._facts.files.get(name)
        if len(blocks) != -(-size // BLOCK_BYTES) or (fact is not None and whole.hexdigest() != fact.sha256):
            raise ReleaseError(
                f"{self._folder / name}: it is not as the manifest says, or changed while it was uploaded; CURRENT of "
                f"{self._store.url} stays; `daybreak verify {self._facts.id}` tells"
            )
        return StoredFile(size, tuple(blocks))

    def _put(self, block: str, raw: bytes, known: bool, base: bytes, start: BlockPatch | None) -> _Put:
        """Send a block that the store does not know, and the patch that makes it, where that is worth it."""
        data = packed(raw)
        if not known:
            self._store.write(block_name(block), data)
        difference = b"" if start is None else patch(base, raw)
        if len(difference) >= WORTH * len(data):
            difference = b""
        if difference:
            self._store.write(patch_name(self._facts.id, block), difference)
        return _Put(block, 0 if known else len(data), len(difference), start)

    def _count(self, put: _Put) -> None:
        """Note what became of a block."""
        self.blocks += put.bytes > 0
        self.bytes += put.bytes + put.patch_bytes
        self.patch_bytes += put.patch_bytes
        if put.start is not None and put.patch_bytes:
            self._patches[put.block] = put.start

    @contextmanager
    def _older(self, name: str) -> Iterator[mmap.mmap | None]:
        """The file of that name in the release before, mapped; None where it has none."""
        path = None if self._base is None else self._base / name
        if path is None or not path.is_file() or not path.stat().st_size:
            yield None
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped
