"""The sides of a contest at work: each in a process of its own, or in this one."""

import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from jobs.infra.receipts.processes import memory_of

Figures = dict[str, float]
Rounds = Generator[Figures]
"""Gets everything ready, and yields nothing; then yields the figures of a round each time. Its end cleans up."""
Make = Callable[..., Rounds]
LOOKS = 0.2
"""Seconds between two looks at the memory of a process."""
DEADLINE = 900.0
"""Seconds that a side may take to get ready, or for a round."""
READY, FIGURES, MISSING, FAILED = "ready", "figures", "missing", "failed"


class MissingError(Exception):
    """A package that a side needs is not installed."""


class Here:
    """A side in this process. Nobody looks at its memory."""

    mib: float | None = None

    def __init__(self, make: Make, arguments: tuple[Any, ...]):
        self._rounds = make(*arguments)
        try:
            next(self._rounds)
        except ModuleNotFoundError as error:
            raise MissingError(absent(error)) from None

    def measure(self) -> Figures:
        """Measure one round. Raises RuntimeError where that fails."""
        try:
            return next(self._rounds)
        except Exception as error:
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rounds.close()


class Process:
    """A side in a process of its own.

    Raises MissingError where a package is not there, and RuntimeError with what the process says where it fails.
    """

    def __init__(self, make: Make, arguments: tuple[Any, ...], one_core: bool):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        handle, name = tempfile.mkstemp(suffix=".log")
        os.close(handle)
        self._log = Path(name)
        self._process = context.Process(target=_work, args=(theirs, make, arguments, one_core, name))
        self._process.start()
        theirs.close()
        self._peak = 0
        try:
            self._wait()
        except BaseException:
            self._end()
            raise

    def measure(self) -> Figures:
        """Measure one round. Raises RuntimeError where that fails."""
        self._pipe.send(True)
        found: Figures = self._wait()
        return found

    @property
    def mib(self) -> float | None:
        """The highest memory of all its processes together: what is theirs alone, and the files that one maps."""
        return self._peak / 2**20

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _wait(self) -> Any:
        for _ in range(int(DEADLINE / LOOKS)):
            there = self._pipe.poll(LOOKS)
            self._look()
            if there:
                break
        else:
            raise RuntimeError(f"no answer within {DEADLINE:.0f} s")
        try:
            kind, said = self._pipe.recv()
        except EOFError:
            self._process.join(5)
            last = self._log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{last}\nits process ended with {self._process.exitcode}") from None
        if kind == MISSING:
            raise MissingError(said)
        if kind == FAILED:
            raise RuntimeError(said)
        return said

    def _look(self) -> None:
        with suppress(psutil.Error):
            root = psutil.Process(self._process.pid)
            found = [memory_of(process) for process in (root, *root.children(recursive=True))]
            self._peak = max(self._peak, sum(one.own for one in found) + max(one.files for one in found))

    def _end(self) -> None:
        with suppress(OSError):
            self._pipe.send(False)
        self._process.join(20)
        if self._process.is_alive():
            with suppress(psutil.Error):
                for child in psutil.Process(self._process.pid).children(recursive=True):
                    child.kill()
            self._process.kill()
            self._process.join(5)
        self._pipe.close()
        self._log.unlink(missing_ok=True)


def _work(pipe: Connection, make: Make, arguments: tuple[Any, ...], alone: bool, log: str) -> None:
    """The whole life of the process of a side. log: the file of what its packages print."""
    with open(log, "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    if alone:
        one_core()
    rounds = make(*arguments)
    try:
        pipe.send((READY, next(rounds)))
        while pipe.recv():
            pipe.send((FIGURES, next(rounds)))
    except ModuleNotFoundError as error:
        pipe.send((MISSING, absent(error)))
    except EOFError:  # the other process is gone
        pass
    except Exception:
        pipe.send((FAILED, traceback.format_exc()))
    finally:
        rounds.close()


def absent(error: ModuleNotFoundError) -> str:
    """What to do about a package that is not there."""
    return f'{error.name} is not installed: pip install ".[bench]"'


def one_core() -> None:
    """Keep this process, and the threads of its packages, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
