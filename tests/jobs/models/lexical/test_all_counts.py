"""The counts of a night."""

import numpy as np

from jobs.models.lexical.all_counts import counted, parts
from lookup.retrieval.lexical.build import build
from tests.lookup.retrieval.lexical.made import ANALYZER, index_of, made_titles, titled


def test_parts_follow_one_another_and_make_the_index_of_all() -> None:
    items = titled(made_titles(250, 50))
    assert [(part.first, len(part.lengths)) for part in parts(iter(items), ANALYZER, 100)] == [
        (0, 100),
        (100, 100),
        (200, 50),
    ]
    made, expected = build(counted(iter(items), ANALYZER, 100)), index_of(items)
    for name, array in expected.items():
        np.testing.assert_array_equal(made[name], array, err_msg=name, strict=True)
