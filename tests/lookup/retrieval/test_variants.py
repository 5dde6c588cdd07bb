"""The first of each group in a ranking, against plain Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookup.retrieval.variants import by_group, count_things, first_of_each

groups = st.lists(st.integers(-1, 5), max_size=30)


@given(groups)
def test_the_first_of_each_group_and_all_without_one(codes: list[int]) -> None:
    seen: set[int] = set()
    expected = []
    for code in codes:
        expected.append(code == -1 or code not in seen)
        seen.add(code)
    array = np.array(codes, dtype=np.int32)
    assert first_of_each(array).tolist() == expected
    assert count_things(array) == sum(expected)


@given(groups)
def test_the_rows_of_each_group(codes: list[int]) -> None:
    offsets, rows = by_group(np.array(codes, dtype=np.int32), 7)
    found = [rows[offsets[code] : offsets[code + 1]].tolist() for code in range(7)]
    assert found == [[row for row, one in enumerate(codes) if one == code] for code in range(7)]
