"""What nights cost is what their receipts say, and what they do not say is not known."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.costs.nights import EMBEDDING, NightCost, StageCost, nights
from jobs.costs.plot import NIGHTS, WIDTH, cost_plot
from lookup.release import pointer
from tests.golden_release import unpack, versions

NUMBER = st.floats(0, 1e7)


def receipt(job: str, seconds: float = 100.0, **used: Any) -> dict[str, Any]:
    return {"job": job, "seconds": seconds, "peak_mib": 10, "ended": "2026", "used": used}


def full(job: str, money: float = 0.5, currency: str = "EUR") -> dict[str, Any]:
    took = {"start_seconds": 20.0, "cores": 3.0, "cpu_seconds": 50.0, "spark_seconds": 30.0, "device_seconds": 0.0}
    return receipt(job, 100.0, **took, money=money, currency=currency)


def night(*receipts: dict[str, Any], users: int = 800, items: int = 190, day: str = "2026-11-22") -> NightCost:
    files = {"a": SimpleNamespace(bytes=7), "b": SimpleNamespace(bytes=5)}
    manifest: Any = SimpleNamespace(id="one", date=day, dims={"U": users, "I": items, "C": 4}, files=files)
    manifest.all_receipts = [
        *receipts,
        {"job": "index_search", "seconds": 0.0, "head_queries": 5, "used": full("")["used"]},
    ]
    return NightCost.of(manifest)


def test_core_hours_are_those_that_were_held_with_the_start_of_the_program() -> None:
    stage = StageCost.of(full("topk"))
    assert (stage.seconds, stage.cpu_seconds, stage.spark_seconds) == (120.0, 50.0, 50.0)
    assert stage.core_hours == pytest.approx(0.1)
    assert (stage.money, stage.currency) == (0.5, "EUR")


def test_a_night_is_told_for_a_million_lists_and_vectors() -> None:
    found = night(full("embed_items"), full("topk"))
    assert (found.lists, found.embeddings, found.bytes) == (800 + 190 + 4 + 1 + 5, 990, 12)
    hours, of_vectors = found.total("core_hours"), found.total("core_hours", EMBEDDING)
    assert hours == pytest.approx(0.2 + 20 * 3 / 3600)
    assert found.per_million_lists(hours) == pytest.approx(1e6 * (0.2 + 20 * 3 / 3600) / 1000)
    assert found.per_million_embeddings(of_vectors) == pytest.approx(1e6 * 0.1 / 990)
    assert found.to_json()["money"] == 1.5


def test_a_receipt_of_an_earlier_version_leaves_the_sum_unknown() -> None:
    found = night({"job": "ingest", "seconds": 9.0}, full("topk"))
    assert found.seconds == 149.0
    assert found.total("core_hours") is found.total("money") is None
    assert found.to_json()["stages"][0]["core_hours_per_million_lists"] is None


def test_money_of_two_currencies_has_no_sum() -> None:
    assert night(full("train", currency="USD"), full("topk")).total("money") is None
    assert night(full("train"), full("topk")).total("money") == 1.5


@pytest.mark.parametrize("wrong", ["1", True, None, float("nan"), -1.0, [1]])
def test_what_is_no_number_is_not_known(wrong: object) -> None:
    stage = StageCost.of(receipt("topk", seconds=wrong, cpu_seconds=wrong, money=wrong, cores=wrong))  # type: ignore[arg-type]
    assert stage.seconds == 0
    assert stage.cpu_seconds is stage.money is stage.core_hours is None


@pytest.mark.parametrize("version", versions())
def test_releases_of_earlier_versions_are_listed(version: int, tmp_path: Path) -> None:
    releases = unpack(version, tmp_path)
    (found,) = nights(releases)
    assert found.release == pointer.read(releases)
    assert found.seconds > 0
    assert found.total("cpu_seconds") is None


def test_a_damaged_release_is_passed_over(tmp_path: Path) -> None:
    releases = unpack(versions()[-1], tmp_path)
    folder = releases / pointer.read(releases)
    folder.chmod(0o755)
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").write_text("{")
    assert nights(releases) == []


@given(st.lists(st.tuples(NUMBER, st.one_of(st.none(), NUMBER)), max_size=12))
def test_bars_stay_in_the_plot(stages: list[tuple[float, float | None]]) -> None:
    empty = StageCost("topk", 0, None, None, None, None, None, None)
    plot = cost_plot([replace(empty, seconds=took, spark_seconds=spark) for took, spark in stages], [])
    assert len(plot.bars) == len(stages)
    for bar in plot.bars:
        assert min(bar.own, bar.spark) >= 0
        assert plot.label + bar.own + bar.spark < WIDTH


def test_the_line_has_the_newest_nights_that_tell_it() -> None:
    told = [night(full("topk"), users=800 + n, day=f"day {n}") for n in range(NIGHTS + 5)]
    plot = cost_plot([], [night({"job": "ingest", "seconds": 9.0}), *told])
    assert [dot.date for dot in plot.dots] == [f"day {n}" for n in range(5, NIGHTS + 5)]
    assert [dot.y for dot in plot.dots] == sorted(dot.y for dot in plot.dots)  # cheaper lists stand lower
    assert all(0 <= dot.x <= WIDTH for dot in plot.dots)
    assert cost_plot([], told[:1]).dots == []
