"""A release in a store, put there as the format says, by no code of the night."""

from hashlib import sha256
from pathlib import Path

from lookup.release import manifest
from lookup.release.pointer import CURRENT
from lookup.travel.index import BLOCK_BYTES, ReleaseIndex, StoredFile, block_name, index_name
from lookup.travel.packing import packed
from lookup.travel.store import Store


def put_release(store: Store, release: Path) -> ReleaseIndex:
    """Store a release and point CURRENT at it."""
    facts = manifest.read(release)
    files = {}
    for name in (*facts.files, manifest.FILE):
        raw = (release / name).read_bytes()
        parts = [raw[start : start + BLOCK_BYTES] for start in range(0, len(raw), BLOCK_BYTES)]
        for part in parts:
            store.write(block_name(sha256(part).hexdigest()), packed(part))
        files[name] = StoredFile(len(raw), tuple(sha256(part).hexdigest() for part in parts))
    index = ReleaseIndex(facts.id, facts.shop, facts.date, files, None, {})
    store.write(index_name(facts.id), index.encoded())
    point(store, facts.id)
    return index


def point(store: Store, release_id: str) -> None:
    """Point CURRENT at a release."""
    store.write(CURRENT, f"{release_id}\n".encode())


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files with the same bytes."""
    names = [sorted(path.relative_to(folder) for path in folder.rglob("*")) for folder in (one, other)]
    return names[0] == names[1] and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in names[0] if (one / name).is_file()
    )
