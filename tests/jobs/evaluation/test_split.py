"""Split by time: what is on which side, leaks are caught, and the tables of a run become a problem."""

import dataclasses
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import DataError, MissingStepError
from jobs.evaluation.problems.split import TimedEvents, check_no_leak, problem_of_run, split
from tests.jobs import small_run
from tests.jobs.evaluation.made import bare

ITEMS = 6


def made(rows: list[tuple[int, int, float]], t: float = 10.0, days: float = 5.0):
    users, items, when = (np.asarray(column) for column in zip(*rows, strict=True))
    weights = np.ones(len(rows), np.float32)
    return split("shop", bare(ITEMS), TimedEvents(users, items.astype(np.int32), when.astype(float), weights), t, days)


def lists(csr) -> list[list[int]]:
    return [csr.items[csr.offsets[u] : csr.offsets[u + 1]].tolist() for u in range(len(csr.offsets) - 1)]


def test_a_case_worked_out_by_hand():
    of_seven = [(7, 1, 9.9), (7, 2, 3.0), (7, 4, 10.0), (7, 4, 14.9), (7, 0, 12.0), (7, 5, 15.0)]
    problem = made([*of_seven, (5, 3, 1.0), (6, 3, 11.0), (9, 0, 9.0), (9, 1, 15.0)])
    assert lists(problem.train) == [[3], [2, 1], [0]]  # users 5, 7 and 9, in order of time
    assert problem.train.days.tolist() == [1.0, 3.0, 9.9, 9.0]
    assert lists(problem.given) == [[2, 1]]
    assert lists(problem.truth) == [[0, 4]]
    assert problem.given_at.tolist() == [10.0]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, ITEMS - 1), st.floats(0, 20)), min_size=1, max_size=40),
    st.floats(1, 19),
)
def test_every_event_is_on_its_side(rows, t):
    early = {u for u, _, day in rows if day < t}
    late = {(u, i) for u, i, day in rows if t <= day < t + 3 and u in early}
    if not late:
        with pytest.raises(DataError, match="nothing to measure"):
            made(rows, t, 3.0)
        return
    problem = made(rows, t, 3.0)
    measured = sorted({u for u, _ in late})
    assert lists(problem.truth) == [sorted({i for v, i in late if v == u}) for u in measured]
    before = sorted((u, day, i) for u, i, day in rows if day < t)
    learned = zip(problem.train.users, problem.train.days, problem.train.items, strict=True)
    assert sorted((sorted(early)[u], day, i) for u, day, i in learned) == before
    assert [sorted(own) for own in lists(problem.given)] == [
        sorted(i for v, _, i in before if v == u) for u in measured
    ]


@pytest.mark.parametrize("where", ["train", "given"])
def test_a_planted_leak_is_caught(where):
    problem = made([(7, 1, 9.0), (7, 2, 3.0), (7, 4, 10.0)])
    check_no_leak(problem, 10.0)
    known = getattr(problem, where)
    leaking = dataclasses.replace(known, days=np.where(known.items == 1, 10.0, known.days))
    with pytest.raises(DataError, match=f"a leak: 1 events of {where} are not before 1970-01-11.* row 0, item i1"):
        check_no_leak(dataclasses.replace(problem, **{where: leaking}), 10.0)
    with pytest.raises(DataError, match="a leak: some users' lists are made after 1970-01-11"):
        check_no_leak(dataclasses.replace(problem, given_at=np.array([10.5])), 10.0)


@pytest.fixture
def shop(spark, tmp_path):
    """A run of the 2nd of March with events 20, 10 and 5 days before."""
    config = small_run.config(tmp_path / "shop")
    items = small_run.items(8)
    items[0]["brand"] = "Own"
    events = small_run.events(
        [("a", 0, 20.0), ("a", 1, 14.0 + 1 / 24), ("a", 2, 14.0), ("b", 0, 13.0), ("c", 3, 15.0), ("c", 0, 5.0)]
    )
    for row, price in zip(events, [2.0, 5.0, 7.0, 9.0, 3.0, 8.0], strict=True):
        row["price"] = price
    return config, items, events


def test_a_run_becomes_a_problem_that_knows_nothing_of_later(spark, shop):
    config, items, events = shop
    small_run.write(spark, config, items, [*events, {**events[0], "weight": 0.0, "item": 5}])
    problem = problem_of_run(config.run, date(2026, 2, 16), 14)
    assert lists(problem.train) == lists(problem.given) == [[0, 1], [3]]
    assert lists(problem.truth) == [[2], [0]]
    start = (date(2026, 2, 16) - date(1970, 1, 1)).days
    assert problem.train.days.tolist() == pytest.approx([start - 6, start - 1 / 24, start - 1])
    assert problem.given_at.tolist() == [start, start]
    # Paid before the day: item 0 for 2, not for 9 or 8 later; what was not sold before has no price.
    assert problem.items.prices.tolist() == pytest.approx([2.0, 5.0, np.nan, 3.0, *[np.nan] * 4], nan_ok=True)
    assert problem.items.attributes[0] == ["category=DRINKS", "category=DRINKS>JUICE", "brand=Own", "price=0"]
    assert problem.items.attributes[5] == []
    assert problem.items.categories[:4] == ["DRINKS", "DRINKS", "BAKERY", "PETS"]
    assert problem.items.texts[6:] == ["window cleaner", ""]
    assert problem.items.ids[3] == "i3"


def test_where_events_have_no_price_the_items_have(spark, shop):
    config, items, events = shop
    small_run.write(spark, config, items, [{**row, "price": None} for row in events])
    assert problem_of_run(config.run, date(2026, 2, 16), 7).items.prices.tolist() == [1.0] * 8


def test_a_run_that_ends_too_early_or_is_not_there_is_named(shop):
    run = shop[0].run
    with pytest.raises(DataError, match="too early for 15 days from 2026-02-16"):
        problem_of_run(run, date(2026, 2, 16), 15)
    with pytest.raises(MissingStepError, match="daybreak job ingest"):
        problem_of_run(run, date(2026, 2, 16), 14)
