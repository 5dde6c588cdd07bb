"""What terms say of categories and brands."""

import numpy as np
import pytest

from jobs.models.understanding.intents import build_intents
from jobs.models.understanding.texts import Arrays
from lookup.understanding.intents import Brands, IntentTable
from lookup.understanding.rewrites import keys_of
from tests.small_queries import ANALYZER

TITLES = ["red apple juice", "apple tree", "green apple juice", "apple laptop", "apple phone", "oak tree"]
CATEGORY = np.array([0, 1, 0, 2, 2, 1], dtype=np.int32)
BRAND = np.array([-1, -1, -1, 0, 0, -1], dtype=np.int32)


def made(clicks: tuple[tuple[str, int, float], ...] = ()) -> Arrays:
    """The arrays of these six items."""
    return build_intents(
        TITLES, categories=CATEGORY, brands=BRAND, names=["Apple"], n_categories=4, analyzer=ANALYZER, clicks=clicks
    )


def categories(arrays: Arrays, *terms: str) -> list[tuple[int, float]]:
    """What the terms mean."""
    return [tuple(one) for one in IntentTable(arrays, keys_of(arrays, "meaning_terms"), "category").meant(list(terms))]


def test_a_term_means_the_categories_of_its_titles() -> None:
    arrays = made()
    assert categories(arrays, ANALYZER.stem("tree"))[0][0] == 1
    assert categories(arrays, ANALYZER.stem("juice"))[0][0] == 0
    assert categories(arrays, "unheard") == []
    first = dict(categories(arrays, ANALYZER.stem("apple")))
    assert first[0] == pytest.approx(first[2], abs=0.05)
    assert sum(first.values()) <= 1


def test_clicks_count_as_titles_do() -> None:
    assert categories(made(), "pommes") == []
    assert categories(made((("pommes", 0, 5.0),)), ANALYZER.stem("pommes"))[0][0] == 0


def test_a_brands_name_counts_by_its_share_of_the_titles_that_have_it() -> None:
    (named,) = Brands(made()).named(ANALYZER.tokens("APPLE juice"))
    assert (named.row, named.words) == (0, "apple")
    assert named.probability == pytest.approx(2 / 5)
