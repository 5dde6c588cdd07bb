"""Sets of baskets: the next one is to be found, and a validation never reads the future."""

import numpy as np
import polars as pl
import pytest

from jobs.errors import DataError
from jobs.evaluation.problems import sets

ROWS = [
    # user, basket, part, item
    ("b", 4, "history", 2),
    ("b", 4, "history", 0),
    ("b", 7, "history", 2),
    ("b", 999, "future", 1),
    ("b", 999, "future", 2),
    ("a", 0, "history", 3),
    ("a", 0, "history", 3),
    ("a", 5, "future", 3),
    ("a", 6, "future", 0),
    ("c", 1, "future", 4),
]


def write(folder, rows) -> None:
    pl.DataFrame(rows, schema=["user", "basket", "part", "item"], orient="row").write_parquet(
        folder / "baskets.parquet"
    )


def lists(made) -> list[list[int]]:
    return [made.items[a:b].tolist() for a, b in zip(made.offsets, made.offsets[1:], strict=False)]


def test_the_next_basket_is_found_from_the_history(tmp_path):
    write(tmp_path, ROWS)
    assert sets.is_set(tmp_path)
    made = sets.read(tmp_path, "test")
    assert (made.protocol, made.ordered, made.timed) == ("next basket", True, False)
    assert lists(made.train) == lists(made.given) == [[3], [0, 2, 2]]  # users by name, an item once a basket
    assert made.given.days.tolist() == [0, 0, 0, 1]
    assert made.given_at.tolist() == [1, 2]
    assert lists(made.truth) == [[3], [1, 2]]  # of the first basket of the future
    assert len(made.items) == 5


def test_a_validation_finds_the_last_basket_of_the_history(tmp_path):
    write(tmp_path, ROWS)
    before = sets.read(tmp_path, "valid")
    assert lists(before.train) == lists(before.given) == [[0, 2]]
    assert lists(before.truth) == [[2]]
    write(tmp_path, [row for row in ROWS if row[2] == "history"] + [("b", 999, "future", 4)])
    after = sets.read(tmp_path, "valid")
    assert all(np.array_equal(getattr(before.given, name), getattr(after.given, name)) for name in ("items", "days"))
    assert np.array_equal(before.truth.items, after.truth.items)


def test_items_are_numbered_as_their_table_says(tmp_path):
    write(tmp_path, [(user, basket, part, 10 * item) for user, basket, part, item in ROWS])
    pl.DataFrame({"item": [0, 10, 20, 30, 40], "text": list("vwxyz")}).write_parquet(tmp_path / "items.parquet")
    made = sets.read(tmp_path, "test")
    assert lists(made.train) == [[3], [0, 2, 2]]
    assert made.items.texts == list("vwxyz")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", 0, "past", 1)], "part 'past'; expected history or future"),
        ([("a", 0, "history", -1)], "item -1; expected numbers from 0"),
        ([("a", 0, "history", None), ("a", 0, "history", 1)], "column item is empty in 1 rows"),
        ([("a", "x", "history", 1)], "column basket is String; expected whole numbers"),
        ([("a", 0, "history", 1)], "no user has both baskets to learn from and one to find"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, rows, message):
    write(tmp_path, rows)
    with pytest.raises(DataError, match=message) as error:
        sets.read(tmp_path, "test")
    assert "baskets.parquet" in str(error.value)


def test_an_item_that_the_table_lacks_is_named(tmp_path):
    write(tmp_path, ROWS)
    pl.DataFrame({"item": [0, 1, 2, 4]}).write_parquet(tmp_path / "items.parquet")
    with pytest.raises(DataError, match="item 3 is not among the items of"):
        sets.read(tmp_path, "test")


def test_a_missing_column_is_named(tmp_path):
    pl.DataFrame({"user": ["a"], "item": [1]}).write_parquet(tmp_path / "baskets.parquet")
    with pytest.raises(DataError, match="basket is missing"):
        sets.read(tmp_path, "test")
