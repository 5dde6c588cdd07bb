"""Follow the CURRENT of a store, for as long as the process lives."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from lookup.errors import DaybreakError
from lookup.release.shards.routing import ALL, Served
from lookup.travel.fetch import Fetched, fetch, nobody_asks
from lookup.travel.store import SECONDS, Store

LOG = logging.getLogger("lookup")
LOOK_SECONDS = 10.0
"""How often CURRENT of a store is read."""
MOST_SECONDS = 120.0
"""How long a follower waits at most where each try fails: twice as long as the last time."""


class StoreFollower:
    """One folder that follows one store.

    url: see `lookup.travel.address`. releases, keep, served: see `lookup.travel.fetch.fetch`. seconds: how long the
    server may say nothing. Raises StoreError where the URL is none.
    """

    def __init__(self, url: str, releases: Path, keep: int = 2, seconds: float = SECONDS, served: Served = ALL):
        self._served = served
        self._url, self._releases, self._keep, self._seconds = url, releases, keep, seconds
        self._store: Store | None = Store(url, seconds)
        self.problem: str | None = None
        """Why the last try failed; None where it did not."""
        self._left: tuple[str, ...] = ()

    def once(self, beat: Callable[[], None] = nobody_asks) -> Fetched | None:
        """Fetch what CURRENT names; None where that failed, which `problem` says. The same problem is logged once."""
        try:
            if self._store is None:
                self._store = Store(self._url, self._seconds)
            done = fetch(self._store, self._releases, self._keep, beat, self._served)
        except (DaybreakError, OSError, ValueError) as error:
            said = str(error)
        except Exception as error:  # whatever it is, a follower goes on
            said = f"{type(error).__name__} while fetching into {self._releases}"
        else:
            self._served = self._served.settled(done.shards)
            if self.problem is not None:
                LOG.info("fetching works again")
            self.problem = None
            for line in done.left:
                if line not in self._left:  # told once, not every few seconds
                    LOG.warning("%s", line)
            self._left = done.left
            return done
        if said != self.problem:
            LOG.error("%s", said)
        self.problem = said
        self._store = None  # made anew, with the credentials that the environment has then
        return None

    def run(self, told: Callable[[Fetched], None], every: float = LOOK_SECONDS) -> None:
        """Fetch again and again. told: called with each release that serves from then on. It never returns."""
        wait = every
        while True:
            done = self.once()
            if done is not None and done.new:
                told(done)
            wait = every if done is not None else min(2 * wait, max(MOST_SECONDS, every))
            time.sleep(wait)
