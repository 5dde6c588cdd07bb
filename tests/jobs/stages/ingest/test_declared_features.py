"""Declared features: typed by Spark, kept as texts, unknown where they say nothing."""

import pytest

from jobs.errors import ConfigError
from jobs.stages.ingest.spark.declared_features import kinds, values

FEATURES = {
    "weight": "double(grams) / 1000",
    "pieces": "count",
    "organic": "label = 'bio'",
    "colour": "Colour",
}


@pytest.fixture(scope="module")
def source(spark):
    rows = [
        ("250", 3, "bio", " red "),
        ("heavy", None, "", ""),
        (None, 2, None, None),
        ("NaN", 0, "other", "blue"),
    ]
    return spark.createDataFrame(rows, "grams string, count int, label string, Colour string")


def test_kinds_are_those_of_the_expressions(source):
    assert kinds(source, FEATURES) == {"weight": "number", "pieces": "number", "organic": "number", "colour": "text"}
    assert kinds(source, {}) == {}


def test_what_is_known_is_kept_as_text(source):
    found = [row["known"] for row in source.select(values(source, FEATURES).alias("known")).collect()]
    assert found == [
        {"weight": "0.25", "pieces": "3.0", "organic": "1.0", "colour": "red"},
        {"organic": "0.0"},
        {"pieces": "2.0"},
        {"pieces": "0.0", "organic": "0.0", "colour": "blue"},
    ]
    assert all(row["known"] == {} for row in source.select(values(source, {}).alias("known")).collect())


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("size", "items.features.x = 'size' is neither a column nor an expression over the columns: grams, count"),
        ("array(count)", r"items.features.x = 'array\(count\)' is of type array<int>; expected a number, yes or no"),
        ("current_date()", "is of type date; .* as in `string"),
    ],
)
def test_what_cannot_be_a_feature_is_told(source, expression, said):
    with pytest.raises(ConfigError, match=said):
        kinds(source, {"x": expression})
