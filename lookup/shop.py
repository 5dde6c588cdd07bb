"""What a web backend holds: a reader that answers from the release in place, and follows CURRENT."""

import os
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.encoder import Had
from lookup.follow import Follower
from lookup.manifest import Manifest
from lookup.release import Ranked, Release
from lookup.schema import NO_ITEM, WHOLE_SHOP


class Hit(NamedTuple):
    """A recommended item."""

    item_id: str
    score: float
    """Comparable within one source only."""
    source: str
    """Where it is from: "list" (precomputed), "session" (from the history given), "similar", "again", "category", or
    "popular", the declared fallback."""


class Shop:
    """A reader of the releases in a folder: made by `lookup.open`.

    Thread-safe. A call answers from one release from its beginning to its end; `lookup.follow` says how it follows
    CURRENT.
    """

    def __init__(self, releases: Path, pin: str | None, verify: bool):
        self._follower = Follower(releases, pin, verify)

    def __repr__(self) -> str:
        pinned = " pinned" if self._follower.pinned else ""
        return f"<Shop {self._follower.folder} release {self._follower.current().id}{pinned}>"

    @property
    def release(self) -> Manifest:
        """The manifest of the release that serves."""
        return self._follower.current().manifest

    @property
    def problem(self) -> str | None:
        """Why the release that CURRENT names is not the one that serves; None when it is, or when pinned."""
        return self._follower.problem

    def recommend(self, user: str, k: int = 10, *, history: Sequence[str] | None = None) -> list[Hit]:
        """Up to `k` items for a user, best first; never empty as long as the release knows a popular item.

        history: item ids that the user had just now, the newest last; ids that the release does not know are passed
        over. With one it knows, the hits are computed from it ("session"), items of the history included, because
        people buy again; without, they are the user's precomputed list ("list"). "popular" fills what is short, and
        stands alone for a user whom the release does not know.

        Raises ValueError when k is not a number of 1 or more, TypeError when an id is not text.
        """
        release = self._follower.current()
        _check_k(k)
        if history is not None:
            rows = _find_all(release, history)
            if rows:
                return _filled(release, "session", _from_history(release, rows, k), k)
        row = release.users.find(user)
        if row < 0:
            return _filled(release, "popular", release.popular.top(WHOLE_SHOP, k), k)
        return _filled(release, "list", release.user_topk.top(row, k), k)

    def similar(self, item: str, k: int = 10) -> list[Hit]:
        """Up to `k` items like an item ("similar"), itself not among them; filled by "popular", which stands alone for
        an item that the release does not know. Raises as `recommend` does.
        """
        release = self._follower.current()
        _check_k(k)
        row = release.items.find(item)
        if row < 0:
            return _filled(release, "popular", release.popular.top(WHOLE_SHOP, k), k)
        return _filled(release, "similar", release.item_topk.top(row, k), k, without=row)

    def popular(self, k: int = 10, category: str | None = None) -> list[Hit]:
        """Up to `k` most popular items of a category ("category"), filled by those of the whole shop ("popular"),
        which stand alone without a category, or for one that has no list. Raises as `recommend` does.
        """
        release = self._follower.current()
        _check_k(k)
        row = -1 if category is None else release.categories.find(category)
        if row < 0:
            return _filled(release, "popular", release.popular.top(WHOLE_SHOP, k), k)
        return _filled(release, "category", release.popular.top(row + 1, k), k)

    def buy_again(self, user: str, k: int = 10) -> list[Hit]:
        """Up to `k` items that a user has had and may buy again ("again"); empty where the release has no such list,
        for nothing else can stand in for it. Raises as `recommend` does.
        """
        release = self._follower.current()
        _check_k(k)
        row = release.users.find(user)
        return [] if row < 0 else _hits(release, "again", release.user_again.top(row, k))

    def item(self, item: str) -> dict[str, Any] | None:
        """What the catalog's table `items` says of an item, by column; None where the release does not know it.

        Raises TypeError when the id is not text.
        """
        release = self._follower.current()
        row = release.items.find(item)
        return None if row < 0 else release.record(row)


def open_shop(path: str | os.PathLike[str], *, pin: str | None = None, verify: bool = False) -> Shop:
    """Open a folder of releases for reading.

    path: the folder with CURRENT. pin: hold this release, whatever CURRENT says. verify: check every byte of the
    release opened now (releases that are followed later were verified when they were published).
    Raises ReleaseError, naming the file, when there is no release, or when it is damaged.
    """
    return Shop(Path(path), pin, verify)


def _check_k(k: int) -> None:
    if not isinstance(k, int) or k < 1:
        raise ValueError(f"k is how many hits are wanted: a number of 1 or more, not {k!r}")


def _find_all(release: Release, history: Sequence[str]) -> list[int]:
    """Rows of the items of a history that the release knows."""
    if isinstance(history, str):
        raise TypeError(f"history is a sequence of item ids, not one text: {history!r}")
    return [row for row in map(release.items.find, history) if row >= 0]


def _from_history(release: Release, rows: list[int], k: int) -> Ranked:
    """The best `k` items for a history of age 0, exactly scored.

    Candidates come from the Annoy index, from the followers of the history's items, from the lists of items similar to
    the newest ones, and from the history itself.
    """
    ages, weights = np.zeros(len(rows)), np.ones(len(rows))
    vector = release.encoder.user_vector(release.item_input[rows], ages, weights)
    found = release.candidates(vector, max(k, 20))
    near: NDArray[np.int32] = release.item_topk.items[rows[-3:]].ravel()
    shares, repeats = (of(ages, weights) for of in (release.encoder.next_shares, release.encoder.repeat_shares))
    had = Had(np.asarray(rows, dtype=np.int32), shares, repeats)
    items, added = release.encoder.item_terms(had, release.following(had.rows), release.item_vector[rows] @ vector)
    candidates = np.unique(np.concatenate([found, near[near != NO_ITEM], items]))
    scores = release.item_vector[candidates] @ vector
    scores[np.searchsorted(candidates, items)] += added
    best = np.argsort(-scores, kind="stable")[:k]
    return candidates[best].tolist(), scores[best].tolist()


def _hits(release: Release, source: str, ranked: Ranked) -> list[Hit]:
    rows, scores = ranked
    facts = zip(map(release.items.id, rows), scores, repeat(source), strict=False)
    return list(map(tuple.__new__, repeat(Hit), facts))  # what Hit(…) does, less a Python call for each hit


def _filled(release: Release, source: str, ranked: Ranked, k: int, without: int = NO_ITEM) -> list[Hit]:
    """The hits of a list, and as many popular ones after it as it is short; `without` is not among those."""
    hits = _hits(release, source, ranked)
    if len(hits) < k:
        there = {*ranked[0], without}
        rows, scores = release.popular.top(WHOLE_SHOP, k + len(there))
        more = [n for n, row in enumerate(rows) if row not in there][: k - len(hits)]
        hits += _hits(release, "popular", ([rows[n] for n in more], [scores[n] for n in more]))
    return hits
