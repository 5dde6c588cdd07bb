"""How long a program had been running when its first job began: the start of Python, and of Spark."""

from jobs.infra.receipts.processes import age

_counts = [False]


def begin_night() -> None:
    """Say that this program was started for a night: its first job's receipt has the time from its start on."""
    _counts[0] = True


def seconds_before(job_seconds: float) -> float:
    """Seconds between the start of this program and that of its first job; 0 for later ones, and for other programs.

    job_seconds: how long that job has been running.
    """
    if not _counts[0]:
        return 0.0
    _counts[0] = False
    return max(0.0, age() - job_seconds)
