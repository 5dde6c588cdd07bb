"""What the values of a column are: times, numbers, switches and paths."""

import polars as pl
import pytest

from jobs.config.first.contents import as_number, as_path, as_switch
from jobs.config.first.times import as_time


@pytest.mark.parametrize(
    ("values", "form", "newest"),
    [
        (["2026-01-02", "2026-01-03T10:00:00Z"], None, "2026-01-03"),
        (["12/1/2010 8:26", "1/13/2011 10:00"], "M/d/yyyy H:mm", "2011-01-13"),
        (["12/1/2010 8:26", "13/1/2011 10:00"], "d/M/yyyy H:mm", "2011-01-13"),
        (["1.2.26", "31.1.26"], "d.M.yy", "2026-02-01"),
        (["2026/1/5 10:00:01"], "yyyy/M/d H:mm:ss", "2026-01-05"),
        (["Jan 5, 2026", "Dec 12, 2025"], "MMM d, yyyy", "2026-01-05"),
        (["05-Jan-2026 03:04 PM"], "d-MMM-yyyy h:mm a", "2026-01-05"),
        (["5/31/2026 8:26", "5/30/2026"], "M/d/yyyy[ H:mm]", "2026-05-31"),
        (["20260105"], "yyyyMMdd", "2026-01-05"),
        (["1767607200"], "seconds", "2026-01-05"),
        (["1767607200000"], "milliseconds", "2026-01-05"),
    ],
)
def test_the_order_of_a_date_is_decided_by_all_of_them(values, form, newest):
    found = as_time("t", pl.Series(values))
    assert (found.expression, found.format, str(found.newest), found.note) == ("t", form, newest, None)


def test_a_date_that_may_be_either_says_so():
    found = as_time("t", pl.Series(["1/2/2026", "1/3/2026", "1/4/2026"]))
    assert found.format == "M/d/yyyy"  # days vary more than months
    assert "no value tells days from months" in found.note


@pytest.mark.parametrize("values", [["hello"], ["13/13/2026"], ["13/1/2026", "1/13/2026"], ["12", "13"], ["", "x1"]])
def test_what_is_no_time_is_none(values):
    assert as_time("t", pl.Series(values)) is None


def test_other_numbers_are_times_by_an_expression():
    assert as_time("t", pl.Series(["1767607200000000"])).expression == "timestamp_micros(bigint(t))"
    assert as_time("a b", pl.Series(["46027.5"])).expression == "timestamp_seconds((double(`a b`) - 25569) * 86400)"


POINT, COMMA = "regexp_replace(p, '[^0-9.-]', '')", "replace(regexp_replace(p, '[^0-9,-]', ''), ',', '.')"


@pytest.mark.parametrize(
    ("values", "expression"),
    [
        (["1", "2.5", "-3", "", None], "p"),
        (["2,50", "1.234,00"], COMMA),
        (["2,5"], COMMA),
        (["£2.50", "£1,234.00"], POINT),
        (["2.50 EUR"], POINT),
        (["EUR 2,50"], COMMA),
        (["1'234.50"], POINT),
        (["1.234.567 €"], COMMA),
        (["1,234"], POINT),
        (["mug"], None),
        (["2026-01-01"], None),
    ],
)
def test_numbers_with_signs_are_read(values, expression):
    found = as_number("p", pl.Series(values))
    assert (found and found.expression) == expression


@pytest.mark.parametrize(
    ("values", "expression"),
    [
        (["yes", "no"], "s"),
        (["0", "1"], "s"),
        (["0", "12"], "double(s) > 0"),
        (["Auf Lager", "ausverkauft"], "lower(trim(s)) IN ('auf lager')"),
        (["in stock", "out of stock"], "lower(trim(s)) IN ('in stock')"),
        (["perhaps", "yes"], None),
    ],
)
def test_stock_is_read_as_yes_or_no(values, expression):
    found = as_switch("s", pl.Series(values))
    assert (found and found.expression) == expression


@pytest.mark.parametrize(
    ("values", "expression", "separator"),
    [
        (["Home > Kitchen"], "c", None),
        (["Drama|Comedy"], "c", "|"),
        (["Home/Kitchen"], "c", "/"),
        (["Home > Mugs, Home > Gifts"], "split(c, ',')[0]", None),
        (["https://a/b"], "c", None),
    ],
)
def test_paths_are_read(values, expression, separator):
    reading, sign = as_path("c", pl.Series(values))
    assert (reading.expression, sign) == (expression, separator)
