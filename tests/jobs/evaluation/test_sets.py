"""Sets in a folder are read as they are meant, and what is wrong with them is named by file and line."""

import numpy as np
import polars as pl
import pytest

from jobs.errors import DataError
from jobs.evaluation.problems import sets

SEQUENCES = "7 1 2 3 4\n3 5 5 1\n"
ITEMS = {
    "item": [1, 2, 3, 4, 5, 9],
    "text": ["soap", None, "comb", "", "oil", "new"],
    "attributes": [[8, 1], [], None, [1], [2], [1]],
    "category": ["a", "b", None, "a", "a", "b"],
    "price": [1.5, None, 2.0, 3.0, 4.0, 5.0],
}


def lists(made) -> list[list[int]]:
    return [made.items[made.offsets[u] : made.offsets[u + 1]].tolist() for u in range(len(made.offsets) - 1)]


@pytest.fixture
def sequences(tmp_path):
    (tmp_path / "sequences.txt").write_text(SEQUENCES)
    pl.DataFrame(ITEMS).write_parquet(tmp_path / "items.parquet")
    return tmp_path


@pytest.fixture
def fixed(tmp_path):
    (tmp_path / "train.txt").write_text("0 1 2\n1 3\n2 0\n")
    (tmp_path / "valid.txt").write_text("0 3\n1\n")
    (tmp_path / "test.txt").write_text("2 4 1\n0 0 0\n")
    return tmp_path


def test_the_last_but_one_is_for_validation(sequences):
    made = sets.read(sequences, "valid")
    assert (made.protocol, made.ordered, made.name) == ("leave one out", True, sequences.name)
    assert lists(made.train) == lists(made.given) == [[0, 1], [4]]
    assert lists(made.truth) == [[2], [4]]
    assert made.given.days.tolist() == [0, 1, 0]
    assert made.given_at.tolist() == [2, 1]
    assert made.given.weights.tolist() == [1, 1, 1]


def test_the_last_is_for_the_test_and_the_one_before_is_given_but_not_learned_from(sequences):
    made = sets.read(sequences, "test")
    assert lists(made.train) == [[0, 1], [4]]
    assert lists(made.given) == [[0, 1, 2], [4, 4]]
    assert lists(made.truth) == [[3], [0]]
    assert made.given_at.tolist() == [3, 2]


def test_items_have_what_the_table_knows(sequences):
    items = sets.read(sequences, "test").items
    assert items.ids == ["1", "2", "3", "4", "5", "9"]
    assert items.texts == ["soap", "", "comb", "", "oil", "new"]
    assert items.attributes == [["8", "1"], [], [], ["1"], ["2"], ["1"]]
    assert items.categories == ["a", "b", "", "a", "a", "b"]
    assert np.isnan(items.prices).tolist() == [False, True, False, False, False, False]
    assert items.attribute_matrix().toarray().tolist() == [
        [1, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
        [1, 0, 0],
    ]


def test_the_table_of_items_may_be_missing(sequences):
    (sequences / "items.parquet").unlink()
    made = sets.read(sequences, "test")
    assert made.items.ids == ["1", "2", "3", "4", "5"]
    assert made.items.attribute_matrix().shape == (5, 0)
    assert lists(made.truth) == [[3], [0]]


def test_fixed_lists_for_validation(fixed):
    made = sets.read(fixed, "valid")
    assert (made.protocol, made.ordered, len(made.items)) == ("fixed lists", False, 5)
    assert lists(made.train) == [[1, 2], [3], [0]]
    assert lists(made.given) == [[1, 2]]  # users 1 and 2 have nothing to find
    assert lists(made.truth) == [[3]]
    assert made.train.days.tolist() == [0, 0, 0, 0]


def test_fixed_lists_for_the_test(fixed):
    made = sets.read(fixed, "test")
    assert lists(made.train) == [[1, 2, 3], [3], [0]]
    assert lists(made.given) == [[0], [1, 2, 3]]
    assert lists(made.truth) == [[1, 4], [0]]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("sequences.txt", "1 1 2 3\n2 4 x 5\n", r"sequences\.txt, line 2: expected whole numbers.*'2 4 x 5'"),
        ("sequences.txt", "1 1 2 3\n\n", r"sequences\.txt, line 2: expected whole numbers"),
        ("sequences.txt", "1 1 2 3\n2 4 5\n", r"sequences\.txt, line 2: 2 items, but a sequence needs at least 3"),
        ("sequences.txt", "1 1 2 3\n1 4 5 1\n", r"sequences\.txt, line 2: user 1 has a line before"),
        ("sequences.txt", "1 1 2 3\n2 4 5 6\n", r"sequences\.txt, line 2: item 6 is not among .*items\.parquet"),
        ("sequences.txt", "1 1 2 3\n2 4 5 -1\n", r"sequences\.txt, line 2: item -1 is not among .*items\.parquet"),
        ("sequences.txt", "", r"sequences\.txt holds no line"),
        ("sequences.txt", "\ud800", r"sequences\.txt is not a text file"),
        ("items.parquet", "no parquet", r"items\.parquet is not readable as Parquet"),
    ],
)
def test_mistakes_in_sequences_are_named(sequences, file, text, message):
    (sequences / file).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(DataError, match=message):
        sets.read(sequences, "test")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"id": [1]}, "expected a column item of whole numbers; its columns are id"),
        ({"item": ["1"]}, "expected a column item of whole numbers"),
        ({"item": [1, 2, 2]}, "item 2 is there twice"),
        ({"item": [1, None]}, "1 of 2 lack it"),
    ],
)
def test_mistakes_in_the_items_are_named(sequences, table, message):
    pl.DataFrame(table).write_parquet(sequences / "items.parquet")
    with pytest.raises(DataError, match=message):
        sets.read(sequences, "test")


def test_mistakes_in_fixed_lists_are_named(fixed):
    with pytest.raises(DataError, match="neither valid nor test"):
        sets.read(fixed, "train")
    (fixed / "test.txt").write_text("5 1\n")
    with pytest.raises(DataError, match=r"test\.txt: user 5 is not in train\.txt or valid\.txt"):
        sets.read(fixed, "test")
    (fixed / "valid.txt").write_text("0 -1\n")
    with pytest.raises(
        DataError, match=r"valid\.txt, line 1: item -1 is not among the items, which are counted from 0"
    ):
        sets.read(fixed, "test")
    (fixed / "valid.txt").unlink()
    assert not sets.is_set(fixed)
    with pytest.raises(DataError, match=r"valid\.txt is missing"):
        sets.read(fixed, "test")


def test_a_folder_of_something_else_is_named(tmp_path):
    with pytest.raises(DataError, match=r"holds neither sequences\.txt nor train\.txt"):
        sets.read(tmp_path, "test")
