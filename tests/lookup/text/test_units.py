"""Numbers and units in one spelling."""

from fractions import Fraction

import pytest

from lookup.text.units import UNITS, canonical, number, written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7.1", Fraction(71, 10)),
        ("7,1", Fraction(71, 10)),
        ("1,000", Fraction(1000)),
        ("1,234,567.5", Fraction(12345675, 10)),
        (".5", Fraction(1, 2)),
        ("3/4", Fraction(3, 4)),
        ("1 1/2", Fraction(3, 2)),
        ("1-1/2", Fraction(3, 2)),
        ("1/0", None),
        ("1,2,3", None),
        ("6.5.1", None),
        ("9" * 16, None),
    ],
)
def test_numbers_are_read(text: str, value: Fraction | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("10.000", "mah", 10_000),
        ("2.200", "watts", 2200),
        ("1.000.000", "pcs", 1_000_000),
        ("0.125", "w", Fraction(1, 8)),
        ("1.5", "w", Fraction(3, 2)),
        ("1.250", "kw", Fraction(5, 4)),
        ("2.345", "kg", Fraction(2345, 1000)),
        ("10.000", None, 10),
    ],
)
def test_a_point_before_three_digits_is_one_of_thousands_where_a_unit_is_counted(
    text: str, unit: str | None, value: Fraction
) -> None:
    assert number(text, unit) == value


def test_a_value_has_one_spelling() -> None:
    assert [written(Fraction(one)) for one in ("1.50", "0", "1000", "1/3")] == ["1.5", "0", "1000", "0.333333"]


@pytest.mark.parametrize(
    "same",
    [
        (("1", "tb"), ("1000", "gb"), ("1", "terabyte")),
        (("1.5", "l"), ("1500", "ml"), ("150", "cl")),
        (("2", "lb"), ("32", "oz")),
        (("1", "kg"), ("1000", "grams")),
        (("2", "ft"), ("24", '"'), ("24", "inches")),
        (("20", "cm"), ("200", "mm")),
        (("2.4", "ghz"), ("2400", "mhz")),
        (("5", "ah"), ("5000", "mah")),
    ],
)
def test_multiples_of_a_unit_are_one(same: tuple[tuple[str, str], ...]) -> None:
    assert len({canonical(Fraction(value), unit) for value, unit in same}) == 1


def test_what_differs_stays_apart() -> None:
    assert canonical(Fraction(1), "gb") != canonical(Fraction(1), "mb")
    assert all(canonical(Fraction(3), unit).startswith(("3", "6", "9", "1", "4", "0")) for unit in UNITS)
