"""What the benchmarks share: their options, the timing of calls, quantiles and tables."""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

SEED = 1


def options(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the one option that all benchmarks have. doc: the docstring of the benchmark."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--toy", action="store_true", help="a made data set, so small that it takes seconds; its figures say nothing"
    )
    return parser


class Way(NamedTuple):
    """One way to answer a request, which is timed beside others."""

    name: str
    call: Callable[[str], object]
    """Answers one user."""
    users: Callable[[random.Random], Sequence[str]]
    """Draws the users of a round, one a call."""


def take_turns(ways: Sequence[Way], rounds: int) -> dict[str, list[int]]:
    """Nanoseconds of every call, by the name of the way.

    In each round every way has its turn, so that other work on the machine slows all of them alike.
    """
    rng = random.Random(SEED)
    taken: dict[str, list[int]] = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            taken[way.name] += timed(way.call, way.users(rng))
    return taken


def timed(call: Callable[[Any], object], asked: Sequence[Any]) -> list[int]:
    """Nanoseconds of each call."""
    times = []
    for one in asked:
        started = time.perf_counter_ns()
        call(one)
        times.append(time.perf_counter_ns() - started)
    return times


def latencies(title: str, taken: dict[str, list[int]], baseline: str) -> None:
    """Print p50 and p99 of each way, and how many times quicker than the baseline both are. title: of the first
    column."""
    quantiles = {name: (quantile(times, 0.5) / 1000, quantile(times, 0.99) / 1000) for name, times in taken.items()}
    base = quantiles[baseline]
    table(
        [title, "p50 µs", "p99 µs", f"{baseline} / it: p50", "p99"],
        [
            [name, *(f"{q:.1f}" for q in both), *(f"{b / q:.2f} x" for b, q in zip(base, both, strict=True))]
            for name, both in quantiles.items()
        ],
    )


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which a share q of the values lie; q below 1."""
    return sorted(values)[int(len(values) * q)]


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def table(head: list[str], rows: list[list[str]]) -> None:
    """Print a table, its first column to the left."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells).rstrip())
