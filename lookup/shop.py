"""What a web backend holds: a reader that answers from the release in place, as it is patched now."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lookup import patches, reading, writing
from lookup.arms import Arms
from lookup.diversity import MMR, Cap
from lookup.explain import Explanation
from lookup.fill import Hit, fill, first, pinned
from lookup.follow import Follower
from lookup.live import Live
from lookup.log import FILE, Log, open_log
from lookup.manifest import Manifest
from lookup.patches import Patch
from lookup.schema import NONE
from lookup.session import DAY, Moment, Person
from lookup.state import State
from lookup.where import Condition, Mask, condition

MEMORY = 256 << 20


class Shop:
    """A reader of the releases in a folder, and a writer of patches: made by `lookup.open`.

    Thread-safe. A call answers from one release and one state of the patches, from its beginning to its end.
    `lookup.follow` says how CURRENT is followed, `lookup.live` how patches are.

    Calls that answer with hits give exactly `k` of them whenever the shop has `k` items that may be shown: in stock,
    not hidden, not excluded, satisfying `where`. What fills a list that is too short says so in `source`. They take

    - k: how many hits, 1 or more. where: a condition (`lookup.price`, `category`, `brand`, `in_stock`, `feature`) or a
      mask. exclude: ids that are not wanted.
    - pins: ids that come first, in their order, where they are in stock and not hidden or excluded ("pinned").
    - diversity: `lookup.MMR` or `lookup.Cap`.
    - at: microseconds since 1970 or a datetime; for tests and replays. Patches of later are left out then.

    and raise ValueError for a k that is none or a condition that cannot be, TypeError for an id that is not text.
    """

    def __init__(self, live: Live):
        self._live = live

    def __repr__(self) -> str:
        pinned = " pinned" if self._live.follower.pinned else ""
        return f"<Shop {self._live.follower.folder} release {self._live.state()[0].release.id}{pinned}>"

    @property
    def release(self) -> Manifest:
        """The manifest of the release that serves; with arms, of the one in place."""
        return self._live.state()[0].release.manifest

    @property
    def problem(self) -> str | None:
        """Why the release that CURRENT names is not the one that serves, or the log of patches is not read; None when
        all is well.
        """
        return self._live.follower.problem or self._live.problem

    def recommend(
        self,
        user: str,
        k: int = 10,
        *,
        history: Sequence[str] | None = None,
        where: Condition | Mask | None = None,
        exclude: Iterable[str] = (),
        pins: Iterable[str] = (),
        diversity: MMR | Cap | None = None,
        seen: bool | None = None,
        at: datetime | int | None = None,
    ) -> list[Hit]:
        """`k` items for a user, best first.

        history: item ids that the user had just now, the newest last, beside what the log of patches has. seen: whether
        items the user had may be listed; None: as in the release's lists.

        Without an event since the release the hits are the precomputed list ("list"). With one, or a history, the
        user's vector is made anew by the night's own function, and candidates around it, of the list, and near the
        newest items are scored exactly ("session"); so are all items that may be shown where the list is too short.
        For a user of whom nothing is known: what is popular.
        """
        state, arm, now = self._state(user, at)
        _check_k(k)
        row = state.release.users.find(user)
        fresh: list[Moment] = []
        if self._live.overlay is not None:
            row, fresh = reading.since(self._live.overlay, state, user, row, now)
        if history is not None:
            fresh = fresh + reading.just_now(state, history, now)
        taken = _rows(state, exclude)
        plain = where is None and diversity is None
        if plain and not fresh and row >= 0 and not pins and seen is None:
            hits = first(state, k, ("list", state.release.user_topk.top(row, len(state.blocked))), taken, arm)
            if len(hits) == k and not state.added:
                return hits
            taken = _rows(state, exclude)
        person = Person(state, row, now // DAY if fresh else reading.night(state), fresh)
        if not (state.release.manifest.bought == "include" if seen is None else seen):
            taken.update(person.history.rows.tolist())
        hits = pinned(state, _all_rows(state, pins), taken, k, arm)
        allowed = None if where is None else condition(where)
        sources = reading.of_person(person, taken, allowed, max(reading.CANDIDATES, k)) if fresh or row >= 0 else []
        sources += reading.popular(state, taken, allowed)
        return hits + fill(state, k - len(hits), sources, taken, where=allowed, diversity=diversity, arm=arm)

    def similar(
        self,
        item: str,
        k: int = 10,
        *,
        where: Condition | Mask | None = None,
        exclude: Iterable[str] = (),
        pins: Iterable[str] = (),
        diversity: MMR | Cap | None = None,
        at: datetime | int | None = None,
    ) -> list[Hit]:
        """`k` items like an item ("similar"), itself not among them; then the best of its category ("category") and of
        the shop ("popular"), which stands alone for an item that nobody knows.
        """
        state, _, _ = self._state(None, at)
        _check_k(k)
        row = state.find(item)
        taken = _rows(state, exclude)
        taken.add(row)
        allowed = None if where is None else condition(where)
        hits = pinned(state, _all_rows(state, pins), taken, k, None)
        sources = (reading.like(state, row, taken, allowed) if row >= 0 else []) + reading.popular(
            state, taken, allowed
        )
        return hits + fill(state, k - len(hits), sources, taken, where=allowed, diversity=diversity)

    def popular(
        self,
        k: int = 10,
        category: str | None = None,
        *,
        where: Condition | Mask | None = None,
        exclude: Iterable[str] = (),
        pins: Iterable[str] = (),
        diversity: MMR | Cap | None = None,
        at: datetime | int | None = None,
    ) -> list[Hit]:
        """The `k` most popular items of a category ("category"), then those of the whole shop ("popular"), which stand
        alone without a category, or for one that has no list.
        """
        state, _, _ = self._state(None, at)
        _check_k(k)
        code = NONE if category is None else state.code("category", category)
        taken = _rows(state, exclude)
        allowed = None if where is None else condition(where)
        hits = pinned(state, _all_rows(state, pins), taken, k, None)
        sources = reading.popular(state, taken, allowed)
        if code != NONE:
            sources = reading.of_category(state, code, taken, allowed) + sources
        return hits + fill(state, k - len(hits), sources, taken, where=allowed, diversity=diversity)

    def buy_again(self, user: str, k: int = 10, *, at: datetime | int | None = None) -> list[Hit]:
        """Up to `k` items that a user has had and may buy again ("again"), in stock and not hidden; empty where the
        release has no such list, for nothing else can stand in for it.
        """
        state, arm, now = self._state(user, at)
        _check_k(k)
        row = state.release.users.find(user)
        if self._live.overlay is not None:
            row, _ = reading.since(self._live.overlay, state, user, row, now)
        if row < 0:
            return []
        return first(state, k, ("again", state.release.user_again.top(row, len(state.blocked))), set(), arm)

    def recommend_many(self, users: Sequence[str], k: int = 10) -> "reading.Batch":
        """The precomputed lists of many users at once, in stock and not hidden, for a newsletter or a cache: arrays in
        place of hits. What happened since the release to a user is not looked at, and short lists stay short.
        """
        state, _, _ = self._state(None, None)
        _check_k(k)
        return reading.many(state, users, k)

    def item(self, item: str, *, at: datetime | int | None = None) -> dict[str, Any] | None:
        """What the catalog's table `items` says of an item, by column, and over it what is patched; None where nobody
        knows it. Raises TypeError when the id is not text.
        """
        state, _, _ = self._state(None, at)
        row = state.find(item)
        return None if row < 0 else state.record(row)

    def explain(self, user: str, item: str, *, at: datetime | int | None = None) -> Explanation:
        """Why an item has its score for a user: the shares of the history's items, which add up to it.

        Raises KeyError for an item that nobody knows, and for a user without any known event.
        """
        state, _, now = self._state(user, at)
        row, there = state.release.users.find(user), state.find(item)
        fresh: list[Moment] = []
        if self._live.overlay is not None:
            row, fresh = reading.since(self._live.overlay, state, user, row, now)
        if there < 0:
            raise KeyError(f"{item!r}: no such item in release {state.release.id}, and none was added since")
        if row < 0 and not fresh:
            raise KeyError(f"{user!r}: nothing is known of this user, who gets what is popular")
        person = Person(state, row, now // DAY if fresh else reading.night(state), fresh)
        return reading.explained(person, there)

    def stats(self) -> dict[str, Any]:
        """What serves and what is held in memory: release, problems, and of the patches the counts, bytes, the limit,
        what was evicted, and the age of the oldest in seconds.
        """
        state, _ = self._live.state()
        overlay = self._live.overlay
        found: dict[str, Any] = {"release": state.release.id, "problem": self.problem, "added": len(state.added)}
        if overlay is not None:
            held = overlay.stats()
            age = None if held.oldest is None else time.time() - held.oldest / 1e6
            found["patches"] = {**held._asdict(), "log": overlay.log.where, "oldest": age}
        return found

    def patch_item(
        self,
        item: str,
        *,
        at: datetime | int | None = None,
        until: datetime | int | None = None,
        source: str = "shop",
        **values: Any,
    ) -> None:
        """Say what an item is now: `price`, `in_stock`, `hidden`, any text of it or feature; None says unknown.

        at: when it came to be so; the later time wins, not the later call. until: it ends then. It is on disk before
        this returns, and seen by every reader. Raises PatchError for what cannot be, LogError where it is not kept.
        """
        self._append([patches.item(item, values, at=at, until=until, source=source)])

    def patch_items(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Many at once, all or none: each a mapping with `item_id`, the fields, and `at`, `until`, `source` if given
        (ISO 8601, or seconds since 1970). Returns how many. Raises as `patch_item` does.
        """
        return self._append([writing.kind(patches.from_record(one, source), patches.ITEM) for one in records])

    def add_item(self, item: str, *, at: datetime | int | None = None, source: str = "shop", **values: Any) -> None:
        """A new item, found at once: its vector is made from `title`, `text`, `description`, `category` (a list),
        `brand` and `price`, of which one of the first five must be there. Raises as `patch_item` does.
        """
        self._append([writing.new_item(patches.item(item, values, at=at, source=source))])

    def add_items(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Many at once, all or none; each as in `patch_items`. Returns how many."""
        return self._append([writing.new_item(patches.from_record(one, source)) for one in records])

    def record(
        self,
        user: str,
        item: str,
        type: str = "purchase",
        *,
        value: float | None = None,
        at: datetime | int | None = None,
        source: str = "shop",
    ) -> None:
        """An event, which the next call for this user knows. type: one of the release's event types.

        Raises PatchError for what cannot be, LogError where it is not kept.
        """
        self._append([self._typed(patches.event(user, item, type, value=value, at=at, source=source))])

    def record_many(self, records: Iterable[Mapping[str, Any]], *, source: str = "shop") -> int:
        """Many at once, all or none: each a mapping with `user_id`, `item_id`, `type`, and `value`, `at`, `source` if
        given. Returns how many.
        """
        made = (writing.kind(patches.from_record(one, source), patches.EVENT) for one in records)
        return self._append([self._typed(one) for one in made])

    def forget(self, user: str, *, at: datetime | int | None = None, source: str = "shop") -> None:
        """Forget a user: events up to that time are gone, here, in every release, and in every night to come."""
        self._append([patches.forget(user, at=at, source=source)])

    def forget_many(self, users: Iterable[str], *, at: datetime | int | None = None, source: str = "shop") -> int:
        """Many at once, all or none. Returns how many."""
        return self._append([patches.forget(user, at=at, source=source) for user in users])

    def close(self) -> None:
        """Let go of the log's files and connections."""
        if self._live.log is not None:
            self._live.log.close()

    def _append(self, made: list[Patch]) -> int:
        writing.append(self._live.log, made)
        self._live.wrote()
        return len(made)

    def _typed(self, patch: Patch) -> Patch:
        return writing.typed(patch, self._live.state()[0].release.manifest.weights)

    def _state(self, user: str | None, at: datetime | int | None) -> tuple[State, str | None, int]:
        if at is None:
            state, arm = self._live.state(user)
            return state, arm, time.time_ns() // 1000
        moment = patches.micros(at)
        state, arm = self._live.state(user, moment)
        return state, arm, moment


def open_shop(
    path: str | os.PathLike[str],
    *,
    pin: str | None = None,
    verify: bool = False,
    patches: str | os.PathLike[str] | None = None,
    memory: int = MEMORY,
    arms: Mapping[str, str] | None = None,
    salt: str = "",
    shares: Mapping[str, float] | None = None,
) -> Shop:
    """Open a folder of releases for reading.

    path: the folder with CURRENT. pin: hold this release, whatever CURRENT says. verify: check every byte of the
    release opened now (releases that are followed later were verified when they were published). patches: where the log
    of patches is: a file, or `redis://…`; None: `patches.sqlite` in the folder. memory: bytes that patches may take.
    arms, salt, shares: an A/B test, see `lookup.arms`.
    Raises ReleaseError, naming the file, when there is no release, or when it is damaged; LogError for the log.
    """
    folder = Path(path)
    log: Log = open_log(folder / FILE if patches is None else patches)
    follower = Follower(folder, pin, verify)
    test = None if arms is None else Arms(folder, arms, salt, shares)
    return Shop(Live(follower, test, log, memory))


def _check_k(k: int) -> None:
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k is how many hits are wanted: a number of 1 or more, not {k!r}")


def _rows(state: State, ids: Iterable[str]) -> set[int]:
    return set(_all_rows(state, ids)) if ids else set()


def _all_rows(state: State, ids: Iterable[str]) -> list[int]:
    if isinstance(ids, str):
        raise TypeError(f"a sequence of item ids is expected, not one text: {ids!r}")
    return [state.find(one) for one in ids] if ids else []
