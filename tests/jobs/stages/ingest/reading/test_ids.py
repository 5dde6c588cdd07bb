"""Ids in Spark are those of `lookup.keys.clean_id`."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import ConfigError
from jobs.stages.ingest.spark.reading.ids import DECIMALS, decimals, id_rules, identifier, tell_two_forms
from jobs.stages.ingest.spark.shop_files import COMPOSED, FILE
from lookup.keys import TRIMMED, clean_id

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    st.text(TRIMMED + "aé\u0301.0", max_size=8),
    st.from_regex(r"\s?[+-]?[0-9]{1,20}\.?0{0,3}\s?", fullmatch=True),
)
NUMBERS = st.floats() | st.integers(-(2**54), 2**54).map(float) | st.sampled_from([2.0**53, -0.0, 1.5, 2.0**53 + 2])


def with_file(spark, rows, ddl, composed=None):
    from pyspark.sql import functions as F

    metadata = {} if composed is None else {COMPOSED: composed}
    return spark.createDataFrame(rows, ddl).withColumn(FILE, F.lit("f").alias(FILE, metadata=metadata))


def by_python(value):
    try:
        return clean_id(value) or None
    except TypeError:
        return None


@settings(max_examples=2, deadline=None)
@given(texts=st.lists(TEXTS, min_size=300, max_size=400))
def test_texts_become_ids_by_the_same_rule(spark, texts):
    frame = with_file(spark, list(enumerate(texts)), "n int, id string")
    found = dict(frame.select("n", identifier(frame, "id", "items.item_id")).collect())
    assert [found[n] for n in range(len(texts))] == [by_python(text) for text in texts]


@settings(max_examples=2, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=100, max_size=300))
def test_numbers_become_ids_by_the_same_rule(spark, numbers):
    frame = with_file(spark, list(enumerate(numbers)), "n int, id double")
    found = dict(frame.select("n", identifier(frame, "id", "items.item_id")).collect())
    assert [found[n] for n in range(len(numbers))] == [by_python(number) for number in numbers]


def test_a_number_that_is_no_id_says_so_and_a_missing_one_otherwise(spark):
    frame = with_file(spark, [(1.5,), (2.0,), (math.nan,), (None,), (1e300,)], "id double")
    rules = id_rules(frame, "id", "events.user_id")
    rows = frame.select(*(broken.alias(str(n)) for n, (broken, _) in enumerate(rules))).collect()
    reasons = [
        next((reason for row_breaks, (_, reason) in zip(row, rules, strict=True) if row_breaks), None) for row in rows
    ]
    assert reasons == [
        "user_id is not a whole number",
        None,
        "user_id is missing",
        "user_id is missing",
        "user_id is not a whole number",
    ]


def test_both_forms_of_an_id_in_one_column_are_told(spark, capsys):
    frame = with_file(spark, [("12", "a"), ("12.0", "1.0"), ("7.00", "b")], "user string, sku string", composed=True)
    ids = {"events.user_id": "user", "events.item_id": "sku"}
    rows = frame.select(decimals(frame, ids))
    assert [row[DECIMALS] for row in rows.collect()] == [0, 3, 1]
    tell_two_forms(3, frame, ids)
    line = capsys.readouterr().out
    assert 'ids-of-two-forms key=events.user_id decimals=2 whole=1 note="12.0 and 12 are one id"' in line
    assert "events.item_id" not in line


@pytest.mark.parametrize("ddl", ["id date", "id array<string>", "id struct<a: string>", "id boolean"])
def test_other_types_are_no_ids(spark, ddl):
    frame = with_file(spark, [], ddl)
    with pytest.raises(ConfigError, match=r"items.item_id = 'id' is of type .*; an id is a text or a whole number"):
        identifier(frame, "id", "items.item_id")
