"""The reader that a web backend holds: it answers from the release that serves and the patches since."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookup.experiments.arms import Arms
from lookup.keys import each
from lookup.patches.following.log_follower import of_readers
from lookup.patches.patch import AHEAD
from lookup.patches.patch_log import FILE, log_at
from lookup.release.follow import Follower
from lookup.release.manifest import Manifest
from lookup.release.schema import NONE
from lookup.release.shards.routing import Served
from lookup.serving.batch_api import BatchApi
from lookup.serving.hit import Hit
from lookup.serving.limits.conditions import Condition, Mask
from lookup.serving.limits.diversity import MMR, Cap
from lookup.serving.live import Live
from lookup.serving.patch_api import PatchApi
from lookup.serving.request import Request, hits_wanted, stored_hits
from lookup.serving.search.api import SearchApi, load
from lookup.serving.session import LazyScores, UserSession, just_now, read_user
from lookup.serving.shard_api import ShardApi
from lookup.serving.sources.item import item_sources, look_sources, part_of
from lookup.serving.sources.popular import category_sources, popular_sources
from lookup.serving.sources.user import outranks, stands_as_ranked, stored_lists, user_sources

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lookup.scoring.explain import Explanation

MEMORY = 256 << 20
"""How many bytes patches may take in memory, by default."""
WAIT = 1.0
"""How many seconds a call that writes patches waits for the log, by default."""


class Shop(PatchApi, SearchApi, BatchApi, ShardApi):
    """Answers from the releases in a folder, and writes patches. Made by `lookup.open`.

    Thread-safe. Each call answers from one release and one state of the patches from beginning to end, even while
    another release takes over. `lookup.release.follow` says how a shop follows CURRENT, `lookup.serving.live` how it
    reads patches.

    `recommend`, `similar` and `popular` return exactly `k` hits whenever the shop has `k` items that the request
    allows: in stock, not hidden, not excluded, and satisfying `where`. Where one source has too few items the next one
    fills the list, and each hit names its `source`. These calls share the following parameters:

    - k: how many hits, 1 or more.
    - where: a condition, such as `lookup.price(10, 50) & ~lookup.brand("Acme")`, or a mask: a boolean array with one
      entry for each item of the release.
    - exclude: item ids to leave out. Unknown ids are ignored.
    - pins: item ids that come first, in this order ("pinned"). `where` does not apply to them; an item that is hidden,
      sold out or excluded is not pinned.
    - variants: whether each variant of a thing is a hit by itself. By default a list has one item of a group, the best
      that may be shown; pins count, and stand beside each other.
    - diversity: `lookup.MMR` or `lookup.Cap`; None orders by score alone.
    - at: answer as of another time, for tests and replays: a datetime with a time zone, or microseconds since 1970.
      The call then ignores later patches. None: now.

    They raise ValueError for a bad `k` and for more than 100,000 ids in one list, ConditionError (a ValueError) for a
    condition that makes no sense, PatchError (a ValueError) for a bad `at`, and TypeError for what cannot be an id
    (`lookup.keys.clean_id`). An unknown id is no error.
    """

    def __repr__(self) -> str:
        pinned, state = " pinned" if self._live.follower.pinned else "", self._live.serving
        serving = f"release {state.release.id}{pinned}" if state is not None else "without a whole release"
        return f"<Shop {self._live.follower.folder} {serving}>"

    @property
    def release(self) -> Manifest:
        """The manifest of the release that serves. In an A/B test: of the release that CURRENT names."""
        return self._live.state()[0].release.manifest

    @property
    def problem(self) -> str | None:
        """Why the shop does not serve the release that CURRENT names, what is damaged, why it cannot read patches, or
        which patches it refuses.

        None if all is well. The shop goes on to answer from what it has.
        """
        return self._live.release_problem or self._live.problem or self._live.failing

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
        variants: bool = False,
        seen: bool | None = None,
        at: datetime | int | None = None,
    ) -> list[Hit]:
        """Recommend `k` items to a user, best first.

        user: the user's id. history: ids of items that the user looked at or bought just now, the newest last, in
        addition to the events in the patch log. seen: whether the hits may have items of the user's history; None does
        as the release's lists do. Other parameters: see `Shop`.

        Without events since the release, the hits are the user's precomputed list ("list"). With events or a `history`
        the user's vector is computed anew by the night's own function, and these candidates are scored exactly
        ("session"): items around the vector, the precomputed list, and items similar to the newest ones of the history.
        All other items fill a list that is still too short. Changed prices and new events move these scores as the
        release's ranker weighs them (`lookup.serving.rerank`). An unknown user gets what is popular. So does one of a
        shard that this host does not serve: all hits are "elsewhere" then.

        Returns the hits, "list" and "session" before "popular". Raises: see `Shop`.
        """
        state, arm, now = self._state(user, at)
        k = hits_wanted(k)
        release = state.release
        users, row, events = read_user(self._live, state, user, _latest(at, now))
        if users is None:
            request = Request(
                state, k, exclude=exclude, pins=pins, where=where, diversity=diversity, arm=arm, variants=variants
            )
            return request.fill_results(popular_sources(request, "elsewhere"))
        if history is not None:
            events = events + just_now(state, history, now)
        seen = release.manifest.bought == "include" if seen is None else seen
        stored = not events and row >= 0 and not (variants and state.grouped)
        lists, complete = stored_lists(release, users, seen) if stored else (None, False)
        plain = complete and where is None and diversity is None and pins == () and exclude == ()
        if plain and lists is not None and stands_as_ranked(state, lists, row):
            order = LazyScores(state, users, row, now) if state.grouped else None
            hits = stored_hits(state, k, lists, row, name="list", arm=arm, order=order)
            if len(hits) == k and not outranks(state, users, row, hits[-1].score):
                return hits
        request = Request(
            state, k, exclude=exclude, pins=pins, where=where, diversity=diversity, arm=arm, variants=variants
        )
        session = UserSession(state, users, row, now, events)
        request.score = session.scores if events or row >= 0 else None
        if not seen:
            request.excluded_rows.update(session.history.rows.tolist())
        personal = user_sources(request, session, lists) if events or row >= 0 else []
        return request.fill_results(personal + popular_sources(request))

    def similar(
        self,
        item: str,
        k: int = 10,
        *,
        by: str | None = None,
        where: Condition | Mask | None = None,
        exclude: Iterable[str] = (),
        pins: Iterable[str] = (),
        diversity: MMR | Cap | None = None,
        variants: bool = False,
        at: datetime | int | None = None,
    ) -> list[Hit]:
        """Find `k` items that are similar to an item, the most similar first. The item itself is not among them.

        item: the item's id. by: "look" (the pictures), "text" or "behaviour": what tells that items are similar; None
        takes all of them alike, from lists that the night made. Other parameters: see `Shop`.

        Returns first similar items ("similar"), then the most popular items of the item's categories, the narrowest
        first ("category"), then those of the whole shop ("popular"). An unknown item has only the last; one of which
        nothing is known in the part `by` has no "similar". Raises ValueError for a `by` that the release does not have,
        and as `Shop` says.
        """
        state, _, _ = self._state(None, at)
        k, by = hits_wanted(k), part_of(state, by)
        row = state.find(item)
        exclude = chain(each("item ids", exclude), [item])
        request = Request(state, k, exclude=exclude, pins=pins, where=where, diversity=diversity, variants=variants)
        if row >= 0:
            request.shown_group_of(row)
        return request.fill_results((item_sources(request, row, by) if row >= 0 else []) + popular_sources(request))

    def looks_like(
        self,
        vector: "Sequence[float] | NDArray[np.float32]",
        k: int = 10,
        *,
        where: Condition | Mask | None = None,
        exclude: Iterable[str] = (),
        variants: bool = False,
        at: datetime | int | None = None,
    ) -> list[Hit]:
        """Find `k` items whose pictures are nearest to a vector of the night's vision model ("similar").

        vector: of another picture, or of words where the model is one like CLIP, as the model makes it. Other
        parameters: see `Shop`. The most popular items fill the list. Raises ValueError where the release has no
        pictures, or those of another model, and as `Shop` says.
        """
        state, _, _ = self._state(None, at)
        request = Request(
            state, hits_wanted(k), exclude=exclude, pins=(), where=where, diversity=None, variants=variants
        )
        return request.fill_results(look_sources(request, vector) + popular_sources(request))

    def popular(
        self,
        k: int = 10,
        category: str | None = None,
        *,
        where: Condition | Mask | None = None,
        exclude: Iterable[str] = (),
        pins: Iterable[str] = (),
        diversity: MMR | Cap | None = None,
        variants: bool = False,
        at: datetime | int | None = None,
    ) -> list[Hit]:
        """Find the `k` most popular items of a category, or of the whole shop.

        category: a name at any level of the category path; None for the whole shop. Other parameters: see `Shop`.

        Returns first items of the category ("category"), then those of the whole shop ("popular"). An unknown category
        has only the last. Raises: see `Shop`.
        """
        state, _, _ = self._state(None, at)
        k = hits_wanted(k)
        code = NONE if category is None else state.code("category", category)
        request = Request(state, k, exclude=exclude, pins=pins, where=where, diversity=diversity, variants=variants)
        return request.fill_results(
            (category_sources(request, code) if code != NONE else []) + popular_sources(request)
        )

    def buy_again(
        self, user: str, k: int = 10, *, variants: bool = False, at: datetime | int | None = None
    ) -> list[Hit]:
        """Find up to `k` items of a user's history that the user may buy again, best first ("again").

        Returns fewer than `k` hits, or none, where the stored list is shorter: no other source replaces it. None, too,
        for a user of a shard that this host does not serve (`serves`). Items that are hidden or sold out are left out.
        Parameters and errors: see `Shop`.
        """
        state, arm, now = self._state(user, at)
        k = hits_wanted(k)
        users, row, _ = read_user(self._live, state, user, _latest(at, now))
        if users is None or row < 0:
            return []
        return stored_hits(state, k, users.again, row, name="again", arm=arm, variants=variants)

    def item(self, item: str, *, at: datetime | int | None = None) -> dict[str, Any] | None:
        """Look up what is known of an item.

        Returns the item's row of the catalog's table `items`, by column, with patched values in place of the night's;
        None for an unknown item. Raises TypeError for what cannot be an id. at: see `Shop`.
        """
        state, _, _ = self._state(None, at)
        return state.record(item)

    def explain(self, user: str, item: str, *, at: datetime | int | None = None) -> "Explanation":
        """Explain the score of an item for a user: the shares of the history's items, which add up to it.

        at: see `Shop`. Returns the explanation, which also has a `sentence`. Raises KeyError for an unknown item, and
        for a user without any known event; ShardError for a user of a shard that this host does not serve.
        """
        from lookup.serving.explain import explain  # few backends explain, and all wait for `import lookup`

        state, _, now = self._state(user, at)
        item_row = state.find(item)
        users, row, events = read_user(self._live, state, user, _latest(at, now))
        if item_row < 0:
            raise KeyError(f"{item!r}: no such item in release {state.release.id}, and none was added since")
        if users is None:
            raise state.release.elsewhere(user)
        if row < 0 and not events:
            raise KeyError(f"{user!r}: nothing is known of this user, who gets what is popular")
        return explain(UserSession(state, users, row, now, events), item_row)

    def stats(self) -> dict[str, Any]:
        """What serves, and what the shop holds in memory, for monitoring.

        Returns `release` (its id), `checked` (whether every byte of it is), `problem`, `added` (how many items patches
        added), `to_come` (how many patched ids nobody knows; their patches are kept for items to come), `shards` (`of`:
        how many the release has; `served`: the numbers of those served here; `elsewhere`: how many calls were for users
        of others) and `patches`:
        the numbers of `lookup.patches.overlay.Stats`, the `log`, the age of the `oldest` statement in seconds, how many
        events of one user a call reads (`most_events`), and how many calls were for users with more (`cut`).
        """
        return self._live.stats(self.problem)

    def close(self) -> None:
        """Stop following CURRENT and the patch log, and close the log's files and connections.

        Calls still answer from what is known.
        """
        self._live.close()


def open_shop(
    path: str | os.PathLike[str],
    *,
    pin: str | None = None,
    verify: bool = False,
    patches: str | os.PathLike[str] | None = None,
    memory: int = MEMORY,
    wait: float = WAIT,
    arms: Mapping[str, str] | None = None,
    salt: str = "",
    shares: Mapping[str, float] | None = None,
    shards: Iterable[int] | None = None,
    of: int | None = None,
) -> Shop:
    """Open a folder of releases; `lookup.open` is this function.

    path: the folder with CURRENT. pin: the id of a release to hold, whatever CURRENT says. verify: check every byte of
    the release that is opened now; later releases were verified when the night published them. patches: the patch log:
    a file, or `redis://…`; None is `patches.sqlite` in the folder. memory: how many bytes patches may take. wait: how
    many seconds a call that writes patches waits for the log before it raises LogError. arms, salt, shares: an A/B
    test, see `lookup.experiments.arms`. shards: the numbers of the shards of users to map, of a release with shards;
    None is all. of: how many there are of which these are numbers; None is as many as the release has that serves now.
    A later release may have another number: then the shards are mapped on which their users are. Relative paths are
    those of now, wherever the process goes later.

    Returns the shop. While the patch log cannot be read it serves the release alone, and `problem` says why. Raises
    ReleaseError, naming the file, when a release is missing or damaged; ValueError for arms that make no test, for
    shards that there are not, and for a bad `wait`; LogError for the URL of a log of no known kind, and where a package
    for it is missing.
    """
    if not 0 < wait < math.inf:
        raise ValueError(f"wait is how many seconds a patch may wait: a number above 0, not {wait!r}")
    folder = Path(path).absolute()
    log = log_at(folder / FILE if patches is None else patches, of_readers(wait))
    follower = Follower(folder, pin, verify, Served.given(shards, of))
    test = None if arms is None else Arms(folder, arms, salt, shares, follower.served)
    follower.watch(test.releases if test is not None else ())
    live = Live(follower, test, log, memory, must_write=patches is not None)
    if live.serving is not None and live.serving.release.search is not None:
        load()
    return Shop(live)


def _latest(at: datetime | int | None, now: int) -> int:
    """The time of the latest event that counts: a call of now accepts clocks that run ahead, a replay does not."""
    return now + AHEAD if at is None else now
