"""Numbers of rows, counted across partitions."""

from itertools import pairwise

from jobs.infra.frames import number_by_hash
from lookup.keys import build


def test_the_numbers_are_the_rows_of_the_reader(spark):
    ids = [f"item {n} é" for n in range(500)]
    frame = spark.createDataFrame([(text,) for text in ids], "id string").repartition(7)
    numbered = number_by_hash(frame, "id", "row").collect()
    _, offsets, data = build(ids)
    order = [bytes(data[a:b]).decode() for a, b in pairwise(offsets)]
    assert {row["id"]: row["row"] for row in numbered} == {text: n for n, text in enumerate(order)}


def test_nothing_has_no_numbers(spark):
    assert number_by_hash(spark.createDataFrame([], "id string"), "id", "row").collect() == []
