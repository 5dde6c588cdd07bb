"""The ranker of queries and its features."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lookup.errors import ReleaseError
from lookup.item_fields import PATH_SEPARATOR
from lookup.search.features import BEST, UNIT, Matched, alike, means, newness, price_beside, standard, table
from lookup.search.ranker import DEFAULT, FEATURES, NAMES, QueryRanker
from lookup.search.texts import texts_of
from lookup.serving.search.explain import REASONS
from lookup.understanding.intents import Meant

MANUAL = Path(__file__).parents[3] / "lookup/search/README.md"
SMALL = st.floats(-9, 9, width=32)


def matched(words, vectors=None) -> Matched:
    words = np.asarray(words, np.float32)
    zeros = np.zeros((len(words), 0), np.float32) if vectors is None else np.asarray(vectors, np.float32)
    nothing = np.zeros(len(words), np.float32)
    return Matched(words, np.zeros((len(words), 5), np.float32), nothing, nothing, zeros)


@given(
    features=arrays(np.float32, (3, len(NAMES)), elements=SMALL),
    weights=st.dictionaries(st.sampled_from(NAMES), SMALL),
)
def test_contributions_add_up_to_the_score(features, weights):
    ranker = QueryRanker(weights)
    for score, one in zip(ranker.scores(features), features, strict=True):
        shares = ranker.contributions(one)
        assert sum(shares.values()) == pytest.approx(score, rel=1e-4, abs=1e-3)
        assert set(shares) == {name for name, weight in weights.items() if weight}


def test_a_weight_for_no_feature_is_refused():
    with pytest.raises(ReleaseError, match="weights for height, width, which are no features"):
        QueryRanker({"words": 1, "width": 1, "height": 2})


def test_the_manual_has_every_feature_with_its_weight():
    assert set(REASONS) == set(NAMES)
    section = MANUAL.read_text(encoding="utf-8").split("## The score")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| ([\d.]+) \|", section, re.MULTILINE)
    told = {name: float(weight) for names, weight in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == {name: DEFAULT.get(name, 0.0) for name in FEATURES}


def test_alike_is_the_cosine_to_the_mean_of_the_best():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(30, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = rng.random(30)
    best = np.argsort(-words)[:BEST]
    mean = np.exp(8 * (words[best] - words.max())) @ vectors[best]
    np.testing.assert_allclose(alike(matched(words, vectors)), vectors @ mean / np.linalg.norm(mean), atol=1e-5)
    assert alike(matched([1, 2])).tolist() == [0, 0]
    assert alike(matched([1, 2], np.zeros((2, 3)))).tolist() == [0, 0]


def test_the_likeliest_meaning_of_an_item_counts():
    kind = (Meant(4, 0.5), Meant(7, 0.25))
    assert means(kind, np.array([7, 4, -1], np.int32)).tolist() == [0.25, 0.5, 0]
    assert means(kind, np.array([[7, 4], [1, 7], [-1, -1]], np.int32)).tolist() == [0.5, 0.25, 0]
    assert means((), np.array([1], np.int32)).tolist() == [0]


def test_prices_are_beside_those_of_the_best():
    prices = np.array([10.0, 20.0, 40.0, np.nan, 1e12, 0.0])
    found = price_beside(prices, np.arange(6, 0, -1, dtype=np.float32))
    assert found[3] == 0
    assert found[4] <= UNIT
    assert found[5] < found[0] < found[1] < found[2] < found[4]
    assert not price_beside(np.array([1.0, 2.0, np.nan]), np.ones(3, np.float32)).any()


def test_an_item_is_as_new_as_others_came_before_it():
    assert newness(np.array([30, 10, -1, 20, 30], np.int32)).tolist() == pytest.approx([2 / 3, 0, 0, 1 / 3, 2 / 3])
    assert newness(np.array([5, 9, 7], np.int32)).tolist() == [0, 1, 0.5]
    assert newness(np.array([-1, 0], np.int32)).tolist() == [0, 0]
    assert newness(np.zeros(0, np.int32)).tolist() == []


def test_standard_scores_have_bounds():
    found = standard(np.array([0] * 99 + [1000], np.float32), 100)
    assert found.max() == UNIT
    assert standard(None, 3).tolist() == [0, 0, 0]
    assert standard(np.array([5], np.float32), 1).tolist() == [0]


def test_a_missing_column_is_0_and_the_order_is_that_of_the_names():
    made = table({"user": np.array([2], np.float32), "words": np.array([1], np.float32)}, np.array([0], np.int32))
    assert made.shape == (1, len(NAMES))
    assert made[0, NAMES.index("words")] == 1
    assert made[0, NAMES.index("user")] == 2
    assert made.sum() == 3


def test_the_texts_of_an_item():
    whole = {
        **{"title": "T", "brand": "B", "category": ["A", "C"], "description": "D", "price": 3.0},
        "features": {"colour": "red", "weight": 5.0, "organic": True, "scent": "rose"},
    }
    assert texts_of(whole) == ("T", "B", PATH_SEPARATOR.join("AC"), PATH_SEPARATOR.join(["red", "rose"]), "D")
    assert texts_of({}) == ("", "", "", "", "")
    assert texts_of(dict.fromkeys(whole)) == ("", "", "", "", "")
