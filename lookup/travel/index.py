"""What a store holds: CURRENT, an index of each release, and the blocks and patches that indexes name.

    CURRENT                     one line, the id of the release that serves
    releases/ID.json            the index: the files of a release as blocks, and which blocks have patches
    blocks/3f/3f9a…             a block, named by the sha256 of its bytes; the object is a zstd frame of them
    patches/ID/3f9a…            what makes a block of release ID from bytes of the release before
    LOCK                        who writes there now

Every release is whole in its blocks; patches only save a host that has the release before from moving them. Blocks are
cut at fixed places, so that a block is at one place of one file, and the place in an older file where its like is moves
with the rows (`jobs.releases.remote.drift`).
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from lookup.errors import ReleaseError, StoreError
from lookup.release.manifest import FILE as MANIFEST
from lookup.release.manifest_rules import FILE_NAME
from lookup.release.pointer import CURRENT, MOST_BYTES, checked_id
from lookup.sealed import broken_seal, sealed
from lookup.travel.store import Store, Version

FORMAT = 1
BLOCK_BYTES = 1 << 20
MOST_INDEX_BYTES = 1 << 28
MOST_PACKED_BYTES = BLOCK_BYTES + (1 << 16)
MOST_BASE_BYTES = 3 << 20
"""No patch is made from more."""
MOST_RELEASE_BYTES = 1 << 44
DIGEST = re.compile("[0-9a-f]{64}")
KEYS = ("format", "id", "shop", "date", "block_bytes", "files", "base", "patches")


class StoredFile(NamedTuple):
    """A file of a release in a store."""

    bytes: int
    blocks: tuple[str, ...]
    """The sha256 of each block of BLOCK_BYTES bytes; the last one may be shorter."""

    def size(self, number: int) -> int:
        """The bytes of a block."""
        return min(BLOCK_BYTES, self.bytes - number * BLOCK_BYTES)


class BlockPatch(NamedTuple):
    """Where the bytes are that a patch starts from: in a file of the release `ReleaseIndex.base`."""

    file: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class ReleaseIndex:
    """The index of a release."""

    id: str
    shop: str
    """The name of the shop."""
    date: str
    """Day of the night."""
    files: dict[str, StoredFile]
    """By name; the manifest of the release is one of them."""
    base: str | None
    """The release that patches start from."""
    patches: dict[str, BlockPatch]
    """By the sha256 of the block that they make."""

    def blocks(self) -> set[str]:
        """The sha256 of every block."""
        return {block for file in self.files.values() for block in file.blocks}

    def encoded(self) -> bytes:
        """As it is stored: JSON that ends with its own sha256."""
        data = {
            "format": FORMAT,
            "id": self.id,
            "shop": self.shop,
            "date": self.date,
            "block_bytes": BLOCK_BYTES,
            "files": {name: list(file) for name, file in self.files.items()},
            "base": self.base,
            "patches": {block: list(patch) for block, patch in self.patches.items()},
        }
        return sealed(data).encode()


def index_name(release_id: str) -> str:
    """The object with the index of a release."""
    return f"releases/{release_id}.json"


def block_name(block: str) -> str:
    """The object with a block."""
    return f"blocks/{block[:2]}/{block}"


def patch_name(release_id: str, block: str) -> str:
    """The object with the patch that makes a block of a release."""
    return f"patches/{release_id}/{block}"


def read_current(store: Store) -> tuple[str, Version] | None:
    """The id that a store's CURRENT names, and the version of the object; None before the first publication.

    Raises StoreError when it is not readable.
    """
    found = store.read_version(CURRENT, MOST_BYTES)
    if found is None:
        return None
    try:
        return checked_id(found[0].decode("ascii").strip()), found[1]
    except (ReleaseError, UnicodeDecodeError):
        raise StoreError(
            f"{store.url}/{CURRENT}: the id of a release expected, such as 20261122T031500Z-3f9a; remove that "
            "object, and `daybreak publish ID` writes it anew"
        ) from None


def read_index(store: Store, release_id: str) -> ReleaseIndex | None:
    """The index of a release; None where the store does not have it. Raises StoreError where it is damaged."""
    name = index_name(release_id)
    found = store.read(name, MOST_INDEX_BYTES)
    if found is None:
        return None
    try:
        return _decoded(found, release_id)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{store.url}/{name}: damaged: {error!s:.200}; `daybreak publish {release_id}` uploads the release again"
        ) from None


def _decoded(raw: bytes, release_id: str) -> ReleaseIndex:
    text = raw.decode("utf-8")
    data = json.loads(text)
    if not isinstance(data, dict) or (why := broken_seal(text, data, KEYS)) is not None:
        raise ValueError("no object" if not isinstance(data, dict) else why)
    if data["format"] != FORMAT or data["block_bytes"] != BLOCK_BYTES:
        raise ValueError(f"format {data['format']} found, and this Daybreak reads {FORMAT}: install a newer one")
    if data["id"] != release_id:
        raise ValueError(f"it is the index of release {data['id']!s:.40}")
    files = {
        _name(name): StoredFile(_size(size), tuple(map(_digest, blocks)))
        for name, (size, blocks) in data["files"].items()
    }
    for name, file in files.items():
        if len(file.blocks) != -(-file.bytes // BLOCK_BYTES):
            raise ValueError(f"{name} has {len(file.blocks)} blocks for {file.bytes} bytes")
    if MANIFEST not in files or len({name.lower() for name in files}) != len(files):
        raise ValueError("no manifest, or two names that some file systems take for one")
    base = data["base"] if data["base"] is None else checked_id(data["base"])
    patches = {_digest(block): _patch(*of) for block, of in data["patches"].items()}
    return ReleaseIndex(release_id, str(data["shop"]), str(data["date"]), files, base, patches)


def _patch(file: Any, offset: Any, size: Any) -> BlockPatch:
    if _size(size) > MOST_BASE_BYTES:
        raise ValueError(f"a patch from {size} bytes")
    return BlockPatch(_name(file), _size(offset), size)


def _name(name: Any) -> str:
    if not isinstance(name, str) or FILE_NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r:.100} is not the name of a file inside a release")
    return name


def _digest(text: Any) -> str:
    if not isinstance(text, str) or DIGEST.fullmatch(text) is None:
        raise ValueError(f"{text!r:.80} is not a sha256")
    return text


def _size(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < MOST_RELEASE_BYTES:
        raise ValueError(f"{number!r:.80} is not a number of bytes")
    return number
