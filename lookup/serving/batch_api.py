"""The call of a shop that reads the lists of many users at once."""

from collections.abc import Iterable

from lookup.keys import each
from lookup.serving.live import Calls
from lookup.serving.request import hits_wanted
from lookup.serving.sources.batch import ListBatch, list_batch


class BatchApi(Calls):
    """The part of a shop for newsletters and caches."""

    def recommend_many(self, users: Iterable[str], k: int = 10) -> ListBatch:
        """Read the precomputed lists of many users at once, for a newsletter or a cache.

        users: their ids. k: how many items of each list, 1 or more.

        Returns arrays instead of hits, in the order of the users. Items that are hidden or sold out are left out.
        Events since the release and changed prices do not matter here, and short lists stay short. A forgotten user
        has an empty list.

        Raises ValueError for a bad `k`, and in an A/B test, where each arm has rows of its own: open the release of an
        arm with `pin`. Raises ShardError, naming the first, where users are of shards that this host does not serve
        (`serves`); TypeError for what cannot be an id.
        """
        if self._live.arms is not None:
            raise ValueError("rows are of one release: in an A/B test open each arm's release with pin=…")
        state, _, _ = self._state(None, None)
        k = hits_wanted(k)
        return list_batch(self._live, state, list(each("user ids", users)), k)
