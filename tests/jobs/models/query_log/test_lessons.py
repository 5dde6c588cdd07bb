"""What models learn from a query log."""

from datetime import date

import numpy as np
import pytest

from jobs.models.query_log.lessons import BOUGHT, clicks, days, head, of_few, queries, reformulations, similar
from jobs.models.query_log.log import read_log
from tests.jobs.models.query_log.logs import row, rows

DAY = 86_400
EMPTY = read_log(rows())


@pytest.fixture(scope="module")
def log():
    return read_log(
        rows(
            row("Red mug", "u", 0, 1, position=1, results=9, search="a"),
            row("red mug", "v", 60, 1, kind="purchase", position=3, results=9, search="b"),
            row("red mug", "v", 60, 2, position=2, results=9, search="b"),
            row("red mug", None, 90, 4, kind="shown", position=5, search="c"),
            row("hammock", "w", DAY, results=0),
            row("lamp", "w", DAY + 500),
        )
    )


def test_queries_of_few_people_are_told_and_each_unknown_user_is_one(log):
    assert sorted(of_few(log)) == ["hammock", "lamp"]
    assert of_few(EMPTY) == []


def test_queries_are_counted(log):
    table = queries(log)
    assert table.drop("last").rows() == [
        ("red mug", "red mug", 3, 3, 2, 1, 0.0),
        ("hammock", "hammock", 1, 1, 0, 0, 1.0),
        ("lamp", "lamp", 1, 1, 0, 0, None),
    ]
    assert head(table, 10) == ["red mug"]
    assert head(table, 0, ["mugs", "red mug"]) == ["mugs", "red mug"]


def test_what_was_bought_weighs_more(log):
    assert clicks(log).rows() == [("red mug", 1, 2, 1 + BOUGHT), ("red mug", 2, 1, 1.0)]


def test_a_click_further_down_weighs_more(log):
    of = clicks(log, np.array([1.0, 0.5, 0.001]))
    assert of["weight"].to_list() == [1 + BOUGHT * 10, 2.0]


def test_the_numbers_of_each_day(log):
    assert days(log).rows() == [(date(2026, 2, 9), 3, 0, 2, 2.0), (date(2026, 2, 10), 2, 1, 0, None)]


def test_what_was_typed_and_what_was_meant():
    log = read_log(
        rows(
            row("bluetoth speker", "u", 0, results=0),
            row("bluetooth speker", "u", 40, results=0),
            row("bluetooth speaker", "u", 80, 1),
            row("bluetoth speker", "v", 0),
            row("bluetooth speaker", "v", 299, 2),
            row("microsd", "w", 0),
            row("micro sd", "w", 60, 3),
            row("hamer", "x", 0),
            row("hammer", "x", 301, 4),  # too late
            row("hamer", None, 0),
            row("hammer", None, 30, 4),  # nobody knows whether it was the same
            row("iphone 12", "y", 0),
            row("iphone 13", "y", 60, 5),
            row("scarf", "z", 0),
            row("table", "z", 60, 6),
            row("shoes men", "a", 0),
            row("shoes women", "a", 60, 7),
            row("shoes men", "b", 0, 8),  # which others find
            row("shoes men", "c", 0, 8),
        )
    )
    assert reformulations(log).rows() == [
        ("bluetoth speker", "bluetooth speaker", 2, 2),
        ("bluetooth speker", "bluetooth speaker", 1, 1),
        ("microsd", "micro sd", 1, 1),
    ]


@pytest.mark.parametrize(
    ("typed", "meant", "alike"),
    [
        ("ridgid saw", "rigid saw", True),
        ("speaker", "speakers", True),
        ("blueto", "bluetooth", False),
        ("blue mug", "red mug", False),
        ("cable 1m", "cable 2m", False),
        ("", "mug", False),
    ],
)
def test_slips_are_told_from_other_words(typed, meant, alike):
    assert similar(typed, meant) is alike


def test_an_empty_log_teaches_nothing():
    assert [len(of(EMPTY)) for of in (queries, clicks, reformulations, days)] == [0, 0, 0, 0]
    assert len(clicks(EMPTY, np.ones(3))) == 0
