"""A circuit breaker: while the log does not answer, no request waits for it."""

import logging
from collections.abc import Callable

from lookup.errors import LogError

LOG = logging.getLogger("lookup")
MISSES = 2
"""How often in a row the background must ask in vain before the log counts as down: a server may be slow for once."""


class Breaker:
    """What a reader knows of whether the log answers. Thread-safe: every change is one assignment.

    A request that asks the log in vain opens it at once. While it is open requests ask no more. The background goes on
    asking, and closes it.
    """

    def __init__(self) -> None:
        self.open = False
        """Whether requests do not ask the log."""
        self.problem: str | None = None
        """Why the log cannot be read; None when it can."""
        self._misses = MISSES - 1  # the first time counts
        self._again: Callable[[], object] | None = None

    @property
    def down(self) -> bool:
        """Whether the background asks in vain, too, so that a writer would wait for nothing."""
        return self._misses >= MISSES

    def failed(self, error: LogError, again: Callable[[], object]) -> None:
        """A request asked in vain. again: asks the same; the problem lasts until this succeeds."""
        self._again = again
        self._opens(error)

    def missed(self, error: LogError) -> None:
        """The background asked in vain."""
        self._misses += 1
        if self.down:
            self._opens(error)

    def answered(self) -> None:
        """The background got an answer. Asks again what a request asked in vain."""
        self._misses, self.open = 0, False
        again = self._again
        if again is not None:
            try:
                again()
            except LogError as error:  # such as for a damaged part of the log: the others are read all the same
                self._tell(error)
                return
            if self._again is again:
                self._again = None
        self.problem = None

    def _opens(self, error: LogError) -> None:
        self.open = True
        self._tell(error)

    def _tell(self, error: LogError) -> None:
        if str(error) != self.problem:
            self.problem = str(error)
            LOG.warning("patches are not read; those known still hold: %s", error)
