"""What a web backend holds: a reader that answers from the release in place, as it is patched now."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from lookup.experiments.arms import Arms
from lookup.keys import each
from lookup.patches import patch as patches
from lookup.patches.patch_log import FILE, MOST_EVENTS, PatchLog, open_log
from lookup.release.follow import Follower
from lookup.release.manifest import Manifest
from lookup.release.schema import NONE
from lookup.scoring.explain import Explanation
from lookup.serving import sources as reading
from lookup.serving.diversity import MMR, Cap
from lookup.serving.filters import Condition, Mask
from lookup.serving.live import Live
from lookup.serving.patch_api import Writer
from lookup.serving.request import Hit, Request, first
from lookup.serving.session import Person
from lookup.serving.state import State

MEMORY = 256 << 20


class Shop(Writer):
    """A reader of the releases in a folder, and a writer of patches: made by `lookup.open`.

    Thread-safe. A call answers from one release and one state of the patches, from its beginning to its end.
    `lookup.release.follow` says how CURRENT is followed, `lookup.serving.live` how patches are.

    Calls that answer with hits give exactly `k` of them whenever the shop has `k` items that may be shown: in stock,
    not hidden, not excluded, satisfying `where`. What fills a list that is too short says so in `source`. They take

    - k: how many hits, 1 or more. where: a condition (`lookup.price`, `category`, `brand`, `in_stock`, `feature`) or a
      mask. exclude: ids that are not wanted.
    - pins: ids that come first, in their order, where they are in stock and not hidden or excluded ("pinned").
    - diversity: `lookup.MMR` or `lookup.Cap`.
    - at: microseconds since 1970 or a datetime; for tests and replays. Patches of later are left out then.

    and raise ValueError for a k that is none or a condition that cannot be, TypeError for an id that is not text.
    """

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
        Among these, other prices and what was had since the night count as the ranker weighs them
        (`lookup.serving.rerank`).
        For a user of whom nothing is known: what is popular.
        """
        state, arm, now = self._state(user, at)
        _check_k(k)
        release = state.release
        row, fresh = reading.since(self._live, state, user, release.users.find(user), _until(at, now))
        if history is not None:
            fresh = fresh + reading.just_now(state, history, now)
        may_repeat = release.manifest.bought == "include"
        seen = may_repeat if seen is None else seen
        listed = not fresh and row >= 0 and (may_repeat or not seen)
        as_it_is = where is None and diversity is None and seen is may_repeat and pins == () and exclude == ()
        if listed and as_it_is and reading.unmoved(state, row):
            hits = first(state, k, release.user_topk, row, source="list", arm=arm)
            if len(hits) == k:
                return hits
        wish = Request(state, k, exclude=exclude, pins=pins, where=where, diversity=diversity, arm=arm)
        person = Person(state, row, now, fresh)
        if not seen:
            wish.taken.update(person.history.rows.tolist())
        sources = reading.of_person(wish, person, listed) if fresh or row >= 0 else []
        return wish.fill(sources + reading.popular(wish))

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
        wish = Request(
            state, k, exclude=chain(each("item ids", exclude), [item]), pins=pins, where=where, diversity=diversity
        )
        return wish.fill((reading.like(wish, row) if row >= 0 else []) + reading.popular(wish))

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
        wish = Request(state, k, exclude=exclude, pins=pins, where=where, diversity=diversity)
        return wish.fill((reading.of_category(wish, code) if code != NONE else []) + reading.popular(wish))

    def buy_again(self, user: str, k: int = 10, *, at: datetime | int | None = None) -> list[Hit]:
        """Up to `k` items that a user has had and may buy again ("again"), in stock and not hidden; empty where the
        release has no such list, for nothing else can stand in for it.
        """
        state, arm, now = self._state(user, at)
        _check_k(k)
        row, _ = reading.since(self._live, state, user, state.release.users.find(user), _until(at, now))
        return [] if row < 0 else first(state, k, state.release.user_again, row, source="again", arm=arm)

    def recommend_many(self, users: Iterable[str], k: int = 10) -> reading.ListBatch:
        """The precomputed lists of many users at once, in stock and not hidden, for a newsletter or a cache: arrays in
        place of hits. Events since the release, and other prices, are not looked at, and short lists stay short; who
        was forgotten has none. Raises ValueError in an A/B test, where each arm has rows of its own: open its release
        with `pin`.
        """
        if self._live.arms is not None:
            raise ValueError("rows are of one release: in an A/B test open each arm's release with pin=…")
        state, _, _ = self._state(None, None)
        _check_k(k)
        return reading.many(self._live, state, list(each("user ids", users)), k)

    def item(self, item: str, *, at: datetime | int | None = None) -> dict[str, Any] | None:
        """What the catalog's table `items` says of an item, by column, and over it what is patched; None where nobody
        knows it. Raises TypeError when the id is not text.
        """
        state, _, _ = self._state(None, at)
        return state.record(item)

    def explain(self, user: str, item: str, *, at: datetime | int | None = None) -> Explanation:
        """Why an item has its score for a user: the shares of the history's items, which add up to it.

        Raises KeyError for an item that nobody knows, and for a user without any known event.
        """
        state, _, now = self._state(user, at)
        there = state.find(item)
        row, fresh = reading.since(self._live, state, user, state.release.users.find(user), _until(at, now))
        if there < 0:
            raise KeyError(f"{item!r}: no such item in release {state.release.id}, and none was added since")
        if row < 0 and not fresh:
            raise KeyError(f"{user!r}: nothing is known of this user, who gets what is popular")
        person = Person(state, row, now, fresh)
        return reading.explained(person, there, now)

    def stats(self) -> dict[str, Any]:
        """What serves and what is held in memory: release, problems, and of the patches the counts, bytes, the limit,
        what was evicted, the age of the oldest in seconds, how many events of one user a call reads at most, and how
        often there were more (`cut`).
        """
        state, _ = self._live.state()
        held, log = self._live.overlay.stats(), self._live.overlay.log.where
        age = None if held.oldest is None else time.time() - held.oldest / 1e6
        patched = {**held._asdict(), "log": log, "oldest": age, "most_events": MOST_EVENTS, "cut": self._live.cut}
        return {"release": state.release.id, "problem": self.problem, "added": len(state.added), "patches": patched}

    def close(self) -> None:
        """Let go of the log's files and connections, and look no more for patches and releases: calls go on to answer
        from what is known.
        """
        self._live.close()

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
    arms, salt, shares: an A/B test, see `lookup.experiments.arms`.
    Raises ReleaseError, naming the file, when there is no release, or when it is damaged; LogError for the log.
    """
    folder = Path(path)
    log: PatchLog = open_log(folder / FILE if patches is None else patches)
    follower = Follower(folder, pin, verify)
    test = None if arms is None else Arms(folder, arms, salt, shares)
    return Shop(Live(follower, test, log, memory))


def _check_k(k: int) -> None:
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k is how many hits are wanted: a number of 1 or more, not {k!r}")


def _until(at: datetime | int | None, now: int) -> int:
    """Events up to then count: a replay knows nothing of later, a call of now believes clocks that run ahead."""
    return now + patches.AHEAD if at is None else now
