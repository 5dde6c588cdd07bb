"""The simulation follows size, constants and prices, and its bytes are those of the schema."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.config.release import CostsConfig
from jobs.costs.constants import MEASURED, read
from jobs.costs.simulation import Size, array_bytes, assumptions, simulate, topk
from jobs.errors import ConfigError

HUGE = Size(users=100_000_000, items=10_000_000)
SIZES = st.builds(Size, users=st.integers(1, 10**8), items=st.integers(1, 10**7))


def test_exact_lists_take_users_times_items_times_coordinates() -> None:
    step = topk("lists", 1000, Size(users=1000, items=200, dimensions=50), products=1e6)
    assert step.seconds == 10.0


@given(SIZES)
def test_more_users_items_or_fewer_cores_never_take_less(size: Size) -> None:
    found = simulate(size, MEASURED, cores=64)
    larger = replace(size, users=size.users + 1, items=size.items + 1)
    assert simulate(larger, MEASURED, cores=64).seconds > found.seconds
    assert simulate(larger, MEASURED, cores=64).release_bytes > found.release_bytes
    assert simulate(size, MEASURED, cores=32).seconds == pytest.approx(2 * found.seconds)
    assert simulate(size, MEASURED, cores=32).core_hours == pytest.approx(found.core_hours)


@given(SIZES, st.integers(1, 64))
def test_gpus_take_lists_and_texts(size: Size, gpus: int) -> None:
    found = simulate(size, MEASURED, cores=64, gpus=gpus)
    assert [step.name for step in found.steps if step.on_gpu] == ["embed texts", "lists of users", "similar items"]
    on_gpus = sum(step.seconds for step in found.steps if step.on_gpu)
    assert found.seconds == pytest.approx(on_gpus / gpus + found.core_hours * 3600 / 64)
    assert simulate(size, MEASURED, cores=64).gpu_hours == 0


def test_bytes_are_those_of_the_schema() -> None:
    """Most of a large release are lists, vectors and histories."""
    lists = HUGE.users * HUGE.places * 2 * 8 + HUGE.items * HUGE.similar * 8
    vectors = 4 * HUGE.dimensions * (HUGE.users + 2 * HUGE.items)
    histories = HUGE.users * HUGE.events * 12
    known = lists + vectors + histories
    assert known < array_bytes(HUGE) < 1.1 * known


def test_money_follows_what_is_held() -> None:
    night = simulate(replace(HUGE, users=1000, items=1000), MEASURED, cores=10, gpus=2)
    prices = CostsConfig(core_hour=1, gib_hour=0.1, gpu_hour=3, gb_month=0.02, gb_sent=0.09)
    found, hours = night.money(prices, hosts=2), night.seconds / 3600
    assert found is not None
    assert found["cores"] == pytest.approx(hours * 10)
    assert found["memory"] == pytest.approx(hours * 10 * 4 * 0.1)
    assert found["GPUs"] == pytest.approx(hours * 2 * 3)
    assert found["sent"] == pytest.approx(night.release_bytes / 1e9 * 2 * 0.09)
    assert night.money(CostsConfig(), hosts=1) is None
    free = night.money(CostsConfig(core_hour=0), hosts=1)
    assert free is not None
    assert sum(free.values()) == 0


def test_assumptions_name_the_machines() -> None:
    said = "\n".join(assumptions(HUGE, MEASURED, gpus=1))
    assert MEASURED.machine in said
    assert MEASURED.gpu in said
    assert MEASURED.gpu not in "\n".join(assumptions(HUGE, MEASURED, gpus=0))


def test_constants_are_read_as_the_benchmark_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "constants.json"
    made = replace(MEASURED, texts=5.0)
    file.write_text(json.dumps(made.to_json()))
    assert read(file) == made


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "5", None, True])
def test_wrong_constants_are_refused(tmp_path: Path, value: object) -> None:
    file = tmp_path / "constants.json"
    file.write_text(json.dumps(MEASURED.to_json() | {"texts": value}))
    with pytest.raises(ConfigError, match=r"constants\.json: texts must be a number more than 0"):
        read(file)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"texts": 1}'])
def test_a_file_that_has_no_constants_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "constants.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"constants\.json: "):
        read(file)
