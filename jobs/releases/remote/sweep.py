"""Remove old releases from a store, and the blocks and patches that none of those left needs.

It runs alone (`jobs.releases.remote.lease`), so no upload is in progress that relies on a block. A host that fetches a
release which goes meanwhile is told, and fetches the one that CURRENT names.
"""

from collections.abc import Collection
from typing import NamedTuple

from jobs.releases.remote.lease import writing
from lookup.errors import StoreError
from lookup.release.pointer import RELEASE_ID
from lookup.travel.index import index_name, read_current, read_index
from lookup.travel.store import Entry, Store


class Swept(NamedTuple):
    """What was removed from a store, or would be."""

    releases: list[str]
    objects: int
    bytes: int


def sweep(store: Store, keep: int, spare: Collection[str] = (), dry_run: bool = False) -> Swept:
    """Remove all releases but the newest ones, and what only they needed.

    keep: how many of those stay that are no newer than CURRENT, CURRENT among them. What is newer stays: it may serve
    in a moment, or again after a rollback. spare: ids that stay besides, such as those that rollbacks go through.

    Raises StoreError, and removes no block, where another process writes there or an index that stays is not readable.
    """
    with writing(store, "pruning") as lease:
        current = read_current(store)
        if current is None:
            return Swept([], 0, 0)  # the first upload was cut off; the next one needs its blocks
        ids = sorted(filter(RELEASE_ID.fullmatch, (_id(one) for one in store.entries("releases"))))
        old = [one for one in ids if one < current[0]]
        stay = {current[0], *spare, *(one for one in ids if one > current[0]), *old[max(0, len(old) - keep + 1) :]}
        needed: set[str] = set()
        for release_id in (one for one in ids if one in stay):
            index = read_index(store, release_id)
            if index is not None:
                needed |= index.blocks()
        gone = [one for one in ids if one not in stay]
        rubbish = [one for one in store.entries("blocks") if one.name.rpartition("/")[2] not in needed]
        rubbish += [one for one in store.entries("patches") if one.name.split("/")[1] not in stay]
        swept = Swept(gone, len(rubbish), sum(one.bytes for one in rubbish))
        if dry_run:
            return swept
        lease.renew(now=True)
        store.delete([index_name(one) for one in gone])  # first: an index without its blocks is never there
        now = read_current(store)
        if now is None or now[0] in gone:
            raise StoreError(
                f"{store.url}: somebody rolled back to {now[0] if now else 'nothing'} while it was removed; "
                f"`daybreak publish` uploads it again, and no block was removed"
            )
        for start in range(0, len(rubbish), 500):
            lease.renew()
            store.delete([one.name for one in rubbish[start : start + 500]])
    return swept


def _id(entry: Entry) -> str:
    return entry.name.rpartition("/")[2].removesuffix(".json")
