"""Which tables of a run a job opens and writes: `Run` notes them, and the meter of the job counts their rows."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Touched:
    """Folders of tables. A job reads some again that it wrote: these are none of its input."""

    opened: set[Path] = field(default_factory=set)
    written: set[Path] = field(default_factory=set)
    rows_read: int = 0
    """Of the shop's files."""

    def note_opened(self, path: Path) -> None:
        """Note that the job opens a table."""
        if path not in self.written:
            self.opened.add(path)

    def note_written(self, path: Path) -> None:
        """Note that the job has written a table."""
        self.written.add(path)


_now = [Touched()]


def touched() -> Touched:
    """What the job that runs has touched."""
    return _now[0]


def begin() -> Touched:
    """Begin anew, for another job. One job runs at a time: the lock of the run sees to it."""
    _now[0] = Touched()
    return _now[0]
