"""The columns of items block by block, against plain Python."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import DataError
from jobs.infra.blocks import Blocks
from jobs.stages.build.item_columns import Codes, _features, _paths

KINDS = {"weight": "number", "colour": "text", "scent": "text"}
ROWS = {"red": 2, "": 0, "grün": 1}
ITEMS = Blocks(Path("items"))

numbers = st.floats(allow_nan=False, allow_infinity=False).map(str) | st.sampled_from(["1.0E-5", "-0.0", "1e300"])
known = st.fixed_dictionaries(
    {}, optional={"weight": numbers, "colour": st.sampled_from([*ROWS, "unheard of"]), "other": st.text(max_size=3)}
)


@settings(deadline=None)
@given(st.lists(st.none() | known, max_size=8), st.integers(0, 8))
def test_features_are_those_of_each_item(items: list[dict[str, str] | None], skipped: int) -> None:
    """skipped: rows before the block, as in a slice of a file."""
    column = pa.array([None if one is None else list(one.items()) for one in items], pa.map_(pa.string(), pa.string()))
    batch = pa.record_batch({"features": column}).slice(skipped)
    expected = np.full((batch.num_rows, len(KINDS)), np.nan)
    for row, one in enumerate(items[skipped:]):
        if one and "weight" in one:
            expected[row, 0] = float(one["weight"])
        if one and "colour" in one:
            expected[row, 1] = ROWS.get(one["colour"], -1)
    np.testing.assert_array_equal(_features(ITEMS, batch, Codes(ROWS), KINDS), expected)


def test_a_number_that_is_none_is_named() -> None:
    column = pa.array([[("weight", "1.5")], [("weight", "heavy")]], pa.map_(pa.string(), pa.string()))
    with pytest.raises(DataError, match="items: feature weight is 'heavy'; a number expected"):
        _features(ITEMS, pa.record_batch({"features": column}), Codes({}), KINDS)


def test_names_without_a_row() -> None:
    names = pl.Series(["red", None, "", "blue"], dtype=pl.String)
    assert Codes(ROWS).of(names).tolist() == [2, -1, 0, -1]
    assert Codes({}).of(names).tolist() == [-1, -1, -1, -1]
    assert Codes(ROWS).of(names).dtype == np.int32


def test_paths_end_with_no_category() -> None:
    batch = pa.record_batch({"category": pa.array([["red", "grün"], [], None, [""]], pa.list_(pa.string()))})
    assert _paths(batch, Codes(ROWS), 3).tolist() == [[2, 1, -1], [-1, -1, -1], [-1, -1, -1], [0, -1, -1]]
