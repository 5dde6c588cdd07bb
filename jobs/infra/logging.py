"""Logs of the night: one line an event, `daybreak TIME JOB EVENT key=value …`, on standard output."""

import time
from datetime import UTC, datetime


def log_line(job: str, what: str, **facts: object) -> None:
    """Print one line. Floats are shortened; text with spaces is quoted."""
    now = datetime.now(UTC).strftime("%H:%M:%S")
    print(" ".join(["daybreak", now, job, what, *(f"{k}={_show(v)}" for k, v in facts.items())]), flush=True)


def _show(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    text = str(value)
    return f'"{text}"' if " " in text or not text else text


class Progress:
    """Says how far a long loop is, at most once in `every` seconds."""

    def __init__(self, job: str, what: str, total: int, every: float = 5.0):
        self.job, self.what, self.total, self.every = job, what, total, every
        self.started = self.said = time.monotonic()

    def at(self, done: int, **facts: object) -> None:
        """Report that `done` of `total` are done."""
        now = time.monotonic()
        if now - self.said >= self.every:
            self.said = now
            left = (now - self.started) * (self.total - done) / max(done, 1)
            log_line(self.job, self.what, done=done, of=self.total, left_s=round(left), **facts)
