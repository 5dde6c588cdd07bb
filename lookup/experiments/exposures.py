"""The record of what was shown to whom. `daybreak compare` reads it to compare the arms of a test.

There is one file for each day (UTC), `exposures-2026-11-22.jsonl`, with one line of JSON for each answer; that of a
search says more (`lookup.experiments.exposure_records`). All processes of a machine may write to the same files. `add`
and `add_search` check an exposure, put its line into a queue in memory and never wait; a background thread writes the
queue in one piece, several times a second. So exposures can be lost

- when the process is killed (-9) or calls `os._exit`: those of the last `WRITE_SECONDS`. A line may stay half written,
  which `daybreak compare` counts and skips. Any other end of the process, and `flush`, lose nothing;
- when the machine crashes: those that the system had not written to the disk, usually of the last half minute;
- when the disk is full, or so slow that `QUEUED` exposures wait: the newest;
- when one cannot be recorded, such as one of a user without an id: that one alone.

`lost` counts the last two kinds, and a warning is logged. Neither call raises anything, so that no answer is lost with
its record.
"""

import logging
import os
import time
import weakref
from collections import deque
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

from lookup.background import Background
from lookup.experiments.exposure_records import Exposure, ExposureLine, SearchExposure, line
from lookup.file_modes import private_opener
from lookup.scoring.features import DAY

LOG = logging.getLogger("lookup")
WRITE_SECONDS = 0.1
"""How often the queue is written."""
QUEUED = 100_000
"""How many exposures may wait to be written: some 50 MB with 20 items each, 90 MB where all are of searches."""
FIRST_DAY = date(1970, 1, 1).toordinal()
LAST = (date.max.toordinal() - FIRST_DAY) * DAY
"""A time of a day that has no file, microseconds since 1970."""


class ExposureLog:
    """Writes exposures into a folder. Thread-safe and safe to fork.

    folder: created where it does not exist. Raises OSError when it cannot be created.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder).absolute()  # once: the process may change its folder later
        self.folder.mkdir(0o700, parents=True, exist_ok=True)
        self.lost = 0
        """How many exposures could not be recorded or written."""
        self._told, self._why = 0, ""
        self._queue: deque[ExposureLine] = deque()
        self._background = Background(self._write, WRITE_SECONDS)
        weakref.finalize(
            self, _write_last, self._background, self.folder, self._queue
        )  # also at the end of the process
        _LOGS.add(self)

    def add(
        self,
        user: str,
        arm: str,
        items: Sequence[str],
        *,
        test: str = "",
        release: str = "",
        place: str = "",
        at: int | None = None,
    ) -> None:
        """Record an answer that a user saw.

        Parameters are the fields of `Exposure`; at: None is now. Ids follow the one rule (`lookup.keys.clean_id`).
        `lost` counts what cannot be recorded.
        """
        self._add(Exposure(user, arm, _now(at), items, test, release, place))

    def add_search(
        self,
        query: str,
        items: Sequence[str],
        *,
        user: str | None = None,
        arm: str | None = None,
        sources: Sequence[str] = (),
        positions: Sequence[int] | None = None,
        total: int | None = None,
        corrected: str | None = None,
        dropped: Sequence[str] = (),
        test: str = "",
        release: str = "",
        place: str = "",
        at: int | None = None,
    ) -> None:
        """Record an answer to a search that somebody saw; with no items where there were none.

        Parameters are the fields of `SearchExposure`; user: None for a guest; at: None is now. Of long texts the
        beginning is kept (`LONGEST_TEXT`). A further page has the positions of its items, such as `range(21, 41)`; it
        belongs to the last search of the user with that query. Otherwise as `add`.
        """
        self._add(
            SearchExposure(
                user=user,
                arm=arm,
                at=_now(at),
                items=items,
                query=query,
                test=test,
                release=release,
                place=place,
                sources=sources,
                positions=positions,
                total=total,
                corrected=corrected,
                dropped=dropped,
            )
        )

    def _add(self, given: Exposure | SearchExposure) -> None:
        self._background.ensure()
        if len(self._queue) >= QUEUED:
            self._lose(1, f"{QUEUED} exposures wait for the disk")
            return
        try:
            self._queue.append(line(given, LAST))
        except Exception as error:  # whatever it is: an answer is not lost with its record
            self._lose(1, f"not an exposure: {error}")

    def flush(self) -> None:
        """Write the queue now."""
        self._background.now()

    def _lose(self, count: int, why: str) -> None:
        self.lost += count
        self._why = why

    def _write(self) -> None:
        if lost := _write_all(self.folder, self._queue):
            self._lose(lost, "not written")
        if self.lost > self._told:
            LOG.warning(
                "%s: %d exposures lost, %d in all; the last: %s",
                self.folder,
                self.lost - self._told,
                self.lost,
                self._why,
            )
            self._told = self.lost


_LOGS: weakref.WeakSet[ExposureLog] = weakref.WeakSet()


def _after_fork() -> None:
    for log in _LOGS:
        log._queue.clear()  # the parent writes what waits there


os.register_at_fork(after_in_child=_after_fork)


def _now(at: int | None) -> int:
    return time.time_ns() // 1000 if at is None else at


def _write_last(background: Background, folder: Path, queue: deque[ExposureLine]) -> None:
    with background.working:
        _write_all(folder, queue)


def _write_all(folder: Path, queue: deque[ExposureLine]) -> int:
    """Write the queue. Returns how many exposures the disk did not take."""
    lost = 0
    batch = [queue.popleft() for _ in range(len(queue))]
    for day, group in groupby(batch, lambda one: one.day):
        lines = [one.text for one in group]
        path = folder / f"exposures-{date.fromordinal(FIRST_DAY + day)}.jsonl"
        try:
            _append(path, b"".join(lines))
        except Exception as error:  # whatever it is, what is lost must be counted
            lost += len(lines)
            LOG.warning("%s: %s", path, getattr(error, "strerror", None) or repr(error))
    return lost


def _append(path: Path, data: bytes) -> None:
    with open(path, "a+b", buffering=0, opener=private_opener) as file:
        if size := file.seek(0, os.SEEK_END):
            file.seek(size - 1)
            if file.read(1) != b"\n":  # a killed process left half a line
                data = b"\n" + data
        written = 0
        while written < len(data):
            written += file.write(data[written:])
