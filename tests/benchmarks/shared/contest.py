"""Contests: Daybreak beside what people would use instead, measured in turns, each in a process of its own.

In each round every side has its turn, so that other work on the machine slows all of them alike. The ratio of a row is
the median of the ratios of the rounds, and its noise is the largest distance of one of them from it.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from tests.benchmarks.shared.sides import Figures, Here, Make, MissingError, Process
from tests.benchmarks.shared.timing import options, table

OURS = "daybreak"


class Side(NamedTuple):
    """One that takes part."""

    name: str
    make: Make
    """Of a module. Its figures are by what they are of. It imports the packages that it needs, so that a process holds
    its own alone, and raises ModuleNotFoundError where one is missing."""
    arguments: tuple[Any, ...] = ()


class Contest(NamedTuple):
    """Daybreak and its peers."""

    name: str
    unit: str
    ours: Side
    peers: tuple[Side, ...]
    rounds: int = 3
    more: bool = False
    """Whether more is better: of rates and recalls."""
    one_core: bool = False
    """Whether every side has one core alone."""


@dataclass(frozen=True)
class Row:
    """One figure beside that of a peer."""

    contest: str
    what: str
    peer: str
    unit: str
    ours: float | None
    """The median of the rounds."""
    theirs: float | None
    ratio: float | None
    """How many times better than the peer's; None where there is no figure of the peer."""
    noise: float
    """The largest distance of the ratio of a round from `ratio`, as a share of it."""
    ours_mib: float | None
    """The highest memory of all processes of the side, the preparation included; None where nobody looked."""
    theirs_mib: float | None
    problem: str = ""
    """Why there is no figure."""
    failed: bool = False
    """Whether the peer is there and does not work."""

    @property
    def key(self) -> str:
        """What tells it from others, from run to run."""
        return f"{self.contest}: {self.what} | {self.peer}"


def hold(contest: Contest, apart: bool = True) -> list[Row]:
    """Measure all sides.

    apart: each in a process of its own, whose memory is watched; otherwise all in this one, which is quick to start.
    """
    with ExitStack() as stack:
        there: dict[str, Process | Here] = {}
        problems: dict[str, tuple[str, bool]] = {}
        for side in (contest.ours, *contest.peers):
            try:
                started = (
                    Process(side.make, side.arguments, contest.one_core) if apart else Here(side.make, side.arguments)
                )
                there[side.name] = stack.enter_context(started)
            except MissingError as error:
                problems[side.name] = (str(error), False)
            except RuntimeError as error:
                problems[side.name] = (str(error), True)
        if contest.ours.name in problems:
            raise RuntimeError(f"{contest.name}: {problems[contest.ours.name][0]}")
        figures: dict[str, list[Figures]] = {name: [] for name in there}
        for _ in range(contest.rounds):
            for name, running in list(there.items()):
                try:
                    figures[name].append(running.measure())
                except RuntimeError as error:
                    if name == contest.ours.name:
                        raise
                    problems[name] = (str(error), True)
                    del there[name]
        memory = {name: running.mib for name, running in there.items()}
    rows = []
    for peer in contest.peers:
        rows += _rows(contest, peer.name, figures, memory, problems.get(peer.name))
    return rows


def _rows(
    contest: Contest,
    peer: str,
    figures: dict[str, list[Figures]],
    memory: dict[str, float | None],
    problem: tuple[str, bool] | None,
) -> Iterable[Row]:
    ours = figures[contest.ours.name]
    for what in ours[0]:
        own = [found[what] for found in ours]
        mib = memory[contest.ours.name]
        if problem is not None:
            told, failed = problem
            yield Row(contest.name, what, peer, contest.unit, median(own), None, None, 0.0, mib, None, told, failed)
        elif what in figures[peer][0]:
            theirs = [found[what] for found in figures[peer]]
            ratios = [a / b if contest.more else b / a for a, b in zip(own, theirs, strict=True)]
            ratio = median(ratios)
            noise = max(abs(one - ratio) for one in ratios) / ratio
            yield Row(
                contest.name, what, peer, contest.unit, median(own), median(theirs), ratio, noise, mib, memory[peer]
            )


def tell(rows: Sequence[Row], committed: dict[str, float] | None = None) -> None:
    """Print the table. committed: ratios of earlier, by the keys of rows."""
    head = ["what", "daybreak", "peer's", "", "peer", "ratio", "noise", "before", "MiB", "peer's", ""]
    printed = []
    for row in rows:
        before = (committed or {}).get(row.key)
        printed.append(
            [
                f"{row.contest}: {row.what}",
                _short(row.ours),
                _short(row.theirs),
                row.unit,
                row.peer,
                "–" if row.ratio is None else f"{row.ratio:.3g} x",
                "" if row.ratio is None else f"± {row.noise:.0%}",
                "" if before is None else f"{before:.3g} x",
                _short(row.ours_mib),
                _short(row.theirs_mib),
                row.problem.splitlines()[-1] if row.problem else "",
            ]
        )
    table(head, printed)


def main(doc: str | None, contests: Callable[[bool], Iterable[Contest]], argv: Sequence[str] | None) -> int:
    """The command of a benchmark that is contests alone. contests: at toy size, or full."""
    toy: bool = options(doc).parse_args(argv).toy
    return show(contests(toy), toy)


def show(contests: Iterable[Contest], toy: bool) -> int:
    """Hold contests and print the table; 1 where a peer fails."""
    rows = [row for contest in contests for row in hold(contest, apart=not toy)]
    tell(rows)
    return int(any(row.failed for row in rows))


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
