"""The object store of a shop: what `publish`, `rollback` and `prune` do there.

Its packages (the extra `fetch`) are loaded only where a shop names a store.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookup.errors import DaybreakError, StoreError
from lookup.release import manifest


@contextmanager
def travelling(url: str | None, releases: Path, release_id: str, back: bool = False) -> Iterator[None]:
    """Bring a verified release to a store and point its CURRENT at it; the block then does the same in the folder.

    url: of the store; None: there is none, and nothing is done. back: it is a rollback, so what the store has is not
    sent again. The store's CURRENT moves first: of two publishers with folders of their own the one that comes late is
    told before its folder changes.

    Raises StoreError where the store fails, where somebody else writes or publishes there meanwhile, or where another
    shop's releases are there.
    """
    if url is None:
        yield
        return
    from jobs.releases.remote.send import point, pointed, send
    from lookup.travel.index import read_index
    from lookup.travel.store import Store

    store = Store(url)
    before = pointed(store)
    serves = None if before.id is None else read_index(store, before.id)
    shop = manifest.read(releases / release_id).shop
    if serves is not None and serves.shop != shop:
        raise StoreError(
            f"{store.url}: releases of the shop {serves.shop!r:.80} are there; give {shop!r:.80} a folder of its own"
        )
    if not back or read_index(store, release_id) is None:
        # One that serves already is sent again where a try before ended here: what its patches start from stays.
        base = before.id if before.id != release_id or serves is None else serves.base
        send(store, releases, release_id, base)
    point(store, release_id, before)
    try:
        yield
    except DaybreakError as error:
        raise StoreError(
            f"{store.url} serves release {release_id} now, and this folder does not: {error}; "
            f"`daybreak publish {release_id}` brings both together"
        ) from None
