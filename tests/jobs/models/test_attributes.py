"""Attributes of items, and the ones that get vectors."""

import numpy as np
import pyarrow as pa
import pytest

from jobs.models.attributes import Vocabulary, item_attributes, price_bounds
from lookup.scoring.cold_start import attributes, deciles, words


def test_deciles_are_of_the_known_prices():
    prices = np.append(np.arange(1.0, 101.0), np.nan)
    bounds = price_bounds(prices)
    assert len(bounds) == 9
    found = deciles(prices, bounds)
    assert np.bincount(found[:-1]).tolist() == [10] * 10
    assert found[[0, 99, 100]].tolist() == [0, 9, -1]
    assert deciles(np.array([-5.0, 1e9]), bounds).tolist() == [0, 9]  # prices of another night
    unknown = np.array([np.nan])
    assert deciles(unknown, price_bounds(unknown)).tolist() == [-1]
    assert deciles(np.array([3.0]), price_bounds(unknown)).tolist() == [-1]


def test_attributes_are_prefixes_brand_and_decile():
    assert attributes(["Food", "Milk"], "Own", 3) == ["category=Food", "category=Food>Milk", "brand=Own", "price=3"]
    assert attributes([], None, -1) == attributes([], "", -1) == []


def test_words_are_different_lower_and_sorted():
    assert words("Käse, käse & Brot-2") == ["word=2", "word=brot", "word=käse"]
    assert words("") == []


def test_an_attribute_must_be_shared_and_a_word_must_not_be_everywhere():
    facts = [["a", "a"], ["a"], ["a", "b"], ["b"], *[[] for _ in range(12)]]
    texts = ["three", "three", "three two", "two", *["all"] * 5, *["four"] * 4, "", "", ""]
    assert len(texts) == len(facts) == 16
    # "a" of three items, "b" of two; "all" is in five of 16, more than a quarter; "four" in just a quarter.
    assert Vocabulary.of(facts, texts).names == ["a", "word=four", "word=three"]


def test_only_the_most_frequent_words_stay(monkeypatch):
    monkeypatch.setattr("jobs.models.attributes.MOST_WORDS", 2)
    texts = ["b c d"] * 3 + ["c d", "d"] + [""] * 20
    assert Vocabulary.of([["a"]] * 25, texts).names == ["a", "word=c", "word=d"]


def test_facts_and_words_weigh_the_same():
    vocabulary = Vocabulary(["a", "b", "c", "word=x"])
    found = vocabulary.matrix([["a", "b", "b", "d"], [], ["c"]], ["x y", "", "x"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.toarray(), [[0.5**0.5, 0.5**0.5, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]])
    assert Vocabulary([]).matrix([["a"]], ["x"]).shape == (1, 0)


def test_attributes_from_a_table():
    table = pa.table(
        {
            "category": pa.array([["Food"], []], pa.list_(pa.string())),
            "brand": pa.array([None, "Own"]),
            "price": pa.array([2.0, None]),
            "text": pa.array(["Milk", None]),
        }
    )
    expected = ([["category=Food", "price=1"], ["brand=Own"]], ["Milk", ""])
    bounds = np.array([1.0, 3.0])
    assert item_attributes(table, bounds) == expected
    assert item_attributes(table.to_batches()[0], bounds) == expected
    with pytest.raises(KeyError, match="brand"):
        item_attributes(table.drop_columns(["brand"]), bounds)
