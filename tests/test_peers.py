"""Contests: rounds, ratios, noise, peers that are missing or fail, committed figures, and what is kept of a run."""

import itertools
from pathlib import Path

import polars as pl
import pytest

from tests.benchmarks import peers
from tests.benchmarks.catalogue import Benchmark
from tests.benchmarks.shared import contest, figures, machine, results
from tests.benchmarks.shared.contest import OURS, Contest, Row, Side, hold
from tests.benchmarks.shared.sides import Rounds


def steady(*values: float) -> Rounds:
    """Figures of rounds, one after another."""
    yield {}
    for value in itertools.cycle(values):
        yield {"all": value}


def missing() -> Rounds:
    import no_such_package  # type: ignore[import-not-found]  # noqa: F401

    yield {}


def broken() -> Rounds:
    yield {}
    raise ValueError("it does not work")


def dying() -> Rounds:
    import os

    print("last words", flush=True)
    yield {}
    os._exit(3)


def large() -> Rounds:
    held = bytearray(100 << 20)
    held[:: 1 << 12] = b"x" * (len(held) >> 12)
    yield {}
    while True:
        yield {"all": float(len(held) > 0)}


def of(*peers_of: Side, more: bool = False) -> Contest:
    return Contest("speed", "s", Side(OURS, steady, (1.0, 2.0, 1.0)), peers_of, rounds=3, more=more)


@pytest.mark.parametrize(("more", "ratio"), [(False, 4.0), (True, 0.25)])
def test_a_ratio_is_the_median_of_the_rounds_and_its_noise_the_largest_distance(more: bool, ratio: float) -> None:
    (row,) = hold(of(Side("peer", steady, (4.0,)), more=more), apart=False)
    assert (row.ours, row.theirs, row.ratio) == (1.0, 4.0, ratio)
    assert row.noise == (1.0 if more else 0.5)
    assert row.key == "speed: all | peer"


def test_a_peer_that_is_missing_or_fails_is_a_row_that_says_so() -> None:
    one, other, third = hold(of(Side("a", missing), Side("b", broken), Side("c", steady, (3.0,))), apart=False)
    assert (one.ratio, one.failed) == (None, False)
    assert "no_such_package is not installed: pip install" in one.problem
    assert (other.ratio, other.failed) == (None, True)
    assert "it does not work" in other.problem
    assert third.ratio == 3.0


def test_daybreak_itself_must_not_fail() -> None:
    with pytest.raises(RuntimeError, match="it does not work"):
        hold(Contest("speed", "s", Side(OURS, broken), (Side("peer", steady, (1.0,)),)), apart=False)


def test_sides_have_processes_of_their_own() -> None:
    """A package that is missing, one that fails, one that ends its process, and the memory of each."""
    sides = (Side("a", missing), Side("b", broken), Side("c", dying), Side("d", large))
    missed, failed, died, big = hold(of(*sides)._replace(rounds=2))
    assert "not installed" in missed.problem
    assert "it does not work" in failed.problem
    assert "last words" in died.problem
    assert "its process ended with 3" in died.problem
    assert (failed.failed, died.failed, missed.failed) == (True, True, False)
    assert big.theirs_mib is not None
    assert big.ours_mib is not None
    assert 90 < big.theirs_mib - big.ours_mib < 150


def row(ratio: float | None, noise: float = 0.0, what: str = "all", **told: bool | str) -> Row:
    return Row("speed", what, "peer", "s", 1.0, ratio, ratio, noise, None, None, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "noise", "before", "fails"),
    [
        (0.94, 0.0, (1.0, 0.0), True),
        (0.96, 0.0, (1.0, 0.0), False),  # less than the least noise
        (0.90, 0.1, (1.0, 0.02), False),
        (0.85, 0.1, (1.0, 0.02), True),
        (1.50, 0.0, (1.0, 0.0), False),
        (None, 0.0, (1.0, 0.0), False),
    ],
)
def test_a_figure_that_is_worse_by_more_than_the_noise_is_told(
    now: float | None, noise: float, before: tuple[float, float], fails: bool
) -> None:
    found = figures.worse([row(now, noise)], {"speed: all | peer": figures.Figure(*before)})
    assert bool(found) == fails
    assert not fails or "speed: all | peer: 0." in found[0]


def test_figures_are_committed_by_kind_of_machine(tmp_path: Path) -> None:
    file = tmp_path / "figures.toml"
    assert figures.committed("a, 2 cores", file) == {}
    figures.commit("a, 2 cores", [row(2.0, 0.031), row(3.0, what='a "quoted" one')], file)
    figures.commit("b", [row(7.0)], file)
    figures.commit("a, 2 cores", [row(2.5, 0.01), row(None, what='a "quoted" one')], file)
    known = figures.committed("a, 2 cores", file)
    assert known == {"speed: all | peer": (2.5, 0.01), 'speed: a "quoted" one | peer': (3.0, 0.0)}
    assert figures.committed("b", file) == {"speed: all | peer": (7.0, 0.0)}


def test_the_committed_figures_can_be_read() -> None:
    assert figures.committed("no such machine") == {}


def test_runs_are_appended_and_drawn(tmp_path: Path) -> None:
    here = machine.this()
    for ratio in (2.0, 3.0):
        results.append([row(ratio), row(None, what="gone", problem="it is missing")], here, tmp_path)
    results.append([row(9.0)], here._replace(processor="another"), tmp_path)
    assert results.earlier(here, tmp_path) == {"speed: all | peer": [2.0, 3.0]}
    every = pl.read_parquet(tmp_path / "*.parquet")
    assert every["problem"].to_list().count("it is missing") == 2
    rows = [row(3.0, 0.1), row(0.5, 2.0, what="<slow>")]
    known = {"speed: all | peer": figures.Figure(2.9, 0.1)}
    png, svg = results.plot(rows, known, results.earlier(here, tmp_path), tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    told = results.page(rows, here, svg, tmp_path).read_text()
    assert "<svg" in told
    assert "&lt;slow&gt;" in told


@pytest.fixture
def one_contest(monkeypatch: pytest.MonkeyPatch) -> None:
    """`peers` holds a contest of this module alone."""
    monkeypatch.setattr(peers, "BENCHMARKS", (Benchmark("serving", "made", "", "", peers=True),))
    monkeypatch.setattr(Benchmark, "module", property(lambda one: __name__))


def contests(toy: bool) -> list[Contest]:
    return [of(Side("peer", steady, (4.0,)), Side("gone", missing))]


@pytest.mark.usefixtures("one_contest")
def test_the_command_fails_where_a_figure_is_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.toml"
    assert peers.main(["--toy"], tmp_path, file) == 0
    assert "nothing was compared" in capsys.readouterr().out
    assert peers.main(["--toy", "--keep"], tmp_path, file) == 0
    assert peers.main(["--toy"], tmp_path, file) == 0
    kind = machine.this().kind
    figures.commit(kind, [contest.Row("speed", "all", "peer", "s", 1, 40, 40.0, 0.0, None, None)], file)
    assert peers.main(["--toy"], tmp_path, file) == 1
    assert "worse than committed: speed: all | peer: 4 x, before 40 x" in capsys.readouterr().err
    assert len(list(tmp_path.glob("*.parquet"))) == 4


def test_the_command_refuses_what_has_no_peers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        peers.main(["open"])
    assert "'open' has no peers; those that have are topk" in capsys.readouterr().err
