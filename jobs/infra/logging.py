"""The log of the night: one line for everything that happens, on standard output.

The environment variable DAYBREAK_LOG says how a line looks:

| DAYBREAK_LOG | a line |
|---|---|
| `text` (default) | `daybreak TIME JOB EVENT key=value …`, the facts in logfmt, the time in UTC, floats shortened |
| `json` | one JSON object with `time` (ISO 8601, UTC), `job`, `event` and the facts, floats in full |

Facts may hold text of the shop. Line breaks and control characters in it are escaped, so that no text can end a line,
start a false one, or steer a terminal. Executors read the variable from their own environment
(`spark.executorEnv.DAYBREAK_LOG`).
"""

import math
import os
import sys
import time
import weakref
from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from jobs.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from structlog.typing import EventDict, Processor

SETTING = "DAYBREAK_LOG"
TEXT, JSON = FORMATS = ("text", "json")
BAR_AFTER = 1.0
"""Seconds after which a loop on a terminal shows a bar: short ones would only flicker."""


def log_line(job: str, what: str, **facts: object) -> None:
    """Log that `what` happened in `job`, with counts, seconds and other facts.

    Raises ConfigError when DAYBREAK_LOG is neither `text` nor `json`.
    """
    import structlog

    as_json = log_format() == JSON
    stamp = structlog.processors.TimeStamper("iso" if as_json else "%H:%M:%S", utc=True, key="time")
    chain: list[Processor] = [stamp, _json if as_json else _text]
    # The stream is looked up anew for every line: a progress bar and tests put others in its place.
    logger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stdout), processors=chain, wrapper_class=structlog.BoundLogger
    )
    logger.msg(what, job=job, facts=facts)


def log_format() -> str:
    """What DAYBREAK_LOG asks for, `text` where it is not set. Raises ConfigError for anything else."""
    value = os.environ.get(SETTING) or TEXT
    if value not in FORMATS:
        raise ConfigError(f"environment variable {SETTING} is {value!r}; expected {TEXT!r} or {JSON!r}")
    return value


def _text(_: Any, __: str, line: "EventDict") -> str:
    from structlog.processors import LogfmtRenderer

    facts = {key: _short(value) for key, value in line["facts"].items()}
    words = ["daybreak", line["time"], line["job"], line["event"], LogfmtRenderer(bool_as_flag=False)(_, __, facts)]
    return _printable(" ".join(filter(None, words)))


def _json(_: Any, __: str, line: "EventDict") -> str:
    from structlog.processors import JSONRenderer

    facts = {key: _plain(value) for key, value in line["facts"].items()}
    head = {"time": line["time"], "job": line["job"], "event": line["event"]}
    return str(JSONRenderer()(_, __, head | facts))


def _short(value: object) -> object:
    value = _plain(value)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return value


def _plain(value: object) -> object:
    """A fact as JSON has it: numbers of numpy as Python's, what JSON does not know as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else str(float(value))
    return str(value)


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class Progress:
    """Tells how far a long loop is.

    In a pipe or a file it logs a line at most once in `every` seconds. On a terminal it shows a bar instead, which
    goes away with the last step, or with this object.
    """

    def __init__(self, job: str, what: str, total: int, every: float = 5.0):
        self.job, self.what, self.total, self.every = job, what, total, every
        self.started = self.logged = time.monotonic()
        self._bar: Bar | None = None
        self._bars = log_format() == TEXT and sys.stdout.isatty()

    def at(self, done: int, **facts: object) -> None:
        """Report that `done` of `total` steps are done. facts: what else the line or the bar tells."""
        now = time.monotonic()
        if self._bars:
            self._show(done, facts, now)
        elif now - self.logged >= self.every:
            self.logged = now
            left = (now - self.started) * (self.total - done) / max(done, 1)
            log_line(self.job, self.what, done=done, of=self.total, left_s=round(left), **facts)

    def _show(self, done: int, facts: Mapping[str, object], now: float) -> None:
        if self._bar is None and done < self.total and now - self.started >= BAR_AFTER:
            self._open()
        if self._bar is not None:
            told = " ".join(f"{key}={_short(value)}" for key, value in facts.items())
            self._bar.update(self._bar.task_ids[0], completed=done, facts=_printable(told))
            if done >= self.total:
                self._bar.stop()

    def _open(self) -> None:
        from rich import progress
        from rich.errors import LiveError
        from rich.markup import escape

        bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[facts]}", markup=False),
            transient=True,
        )
        bar.add_task(escape(_printable(f"{self.job} {self.what}")), total=self.total, facts="")
        try:
            bar.start()
        except LiveError:  # another bar is on this terminal
            self._bars = False
            return
        self._bar = bar
        # Whatever ends the loop, the terminal gets its cursor back.
        weakref.finalize(self, bar.stop)
