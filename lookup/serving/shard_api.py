"""The calls of a shop that say where a user is, where the users of a release are in shards."""

from lookup.release.shards.routing import shard_of
from lookup.serving.live import Calls


class ShardApi(Calls):
    """The part of a shop that knows its shards. Both calls raise TypeError for what cannot be an id."""

    def shard_of(self, user: str) -> int:
        """The shard that a user is on: one of as many as the numbers in `shards` are of, which stays so when a release
        has another number; where all are served, of those of the release that serves. No array of users is read.

        `lookup.shard_of` is the same for a router without a release.
        """
        return shard_of(user, self._live.follower.served.of or len(self._live.state()[0].release.shards))

    def serves(self, user: str) -> bool:
        """Whether this host serves the shard of a user, whether the user is known or not."""
        release = self._live.state(user)[0].release
        return release.shards[release.shard_of(user)] is not None
