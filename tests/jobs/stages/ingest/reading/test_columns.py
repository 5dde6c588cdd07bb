"""Columns by their names, and lists, structures and JSON arrays in them."""

import pytest

from jobs.errors import ConfigError
from jobs.stages.ingest.spark.reading.columns import column, joined, path, scalar


@pytest.fixture(scope="module")
def frame(spark):
    rows = [
        (
            "A1",
            ["Home", " ", "Garden, Tools"],
            [["Home", "Kitchen"], ["Sale"]],
            [("x", 1)],
            ("x", 2.0),
            {"a": "b"},
            '["Large.", "Safe."]',
            "[['Electronics', \"Kids' Audio\"], ['Sale']]",
            "Home > Kitchen >",
            "[Sale] mug",
        ),
        ("A2", [], None, None, None, None, "[]", None, None, "[REC]"),
    ]
    return spark.createDataFrame(
        rows,
        "sku string, cats array<string>, paths array<array<string>>, tags array<struct<name: string, id: int>>, "
        "price struct<currency: string, value: double>, map map<string, string>, json string, python string, "
        "`a``b.c` string, ` Title\ufeff` string",
    )


def values(frame, of):
    return [row[0] for row in frame.orderBy("sku").select(of).collect()]


def test_lists_and_json_arrays_are_joined_texts(frame):
    assert values(frame, joined(frame, "cats", "items.title")) == ["Home Garden, Tools", None]
    assert values(frame, joined(frame, "paths", "items.title")) == ["Home Kitchen", None]
    assert values(frame, joined(frame, ["sku", "json"], "items.title")) == ["A1 Large. Safe.", "A2"]
    assert values(frame, joined(frame, "Title", "items.title")) == ["[Sale] mug", "[REC]"]


def test_lists_and_json_arrays_are_paths(frame):
    def of(names, separator=">"):
        return values(frame, path(frame, names, "items.category", separator))

    assert of("cats") == [["Home", "Garden, Tools"], []]
    assert of("paths") == [["Home", "Kitchen"], []]
    assert of("json") == [["Large.", "Safe."], []]
    assert of("python") == [["Electronics", "Kids' Audio"], []]
    assert of("a`b.c") == [["Home", "Kitchen"], []]
    assert of(["sku", "cats"]) == [["A1", "Home", "Garden, Tools"], ["A2"]]
    assert of("Title", " ") == [["[Sale]", "mug"], ["[REC]"]]


@pytest.mark.parametrize(
    ("read", "name", "message"),
    [
        (joined, "price", r"holds structures of currency, value; name one of these, as in 'price.value'"),
        (joined, "tags", r"holds structures of name, id; name one of these, as in 'tags.name'"),
        (joined, "map", r"holds maps; name one entry, as in \"map\['name'\]\""),
        (scalar, "price", r"holds structures of currency, value"),
        (scalar, "cats", r"holds lists \(array<string>\); name one element, as in 'cats\[0\]'"),
        (column, "titel", r"is neither a column nor .*; did you mean ' Title\\ufeff'\?$"),
        (column, "sku + ", r"neither a column nor an expression .* \(Syntax error at or near end of input\)"),
        (column, "nofunction(sku)", r"neither .* \(Cannot resolve routine `nofunction`"),
    ],
)
def test_what_does_not_fit_is_told_with_what_to_write(frame, capsys, read, name, message):
    with pytest.raises(ConfigError, match=rf"items.title = .*{message}"):
        read(frame, name, "items.title")
    assert capsys.readouterr() == ("", "")  # pyspark prints its errors as JSON, unless it is kept from it


def test_a_field_of_a_list_of_structures_is_a_path(frame):
    assert values(frame, path(frame, "tags.name", "items.category", ">")) == [["x"], []]


def test_a_name_is_found_whatever_its_case_and_however_its_letters_are_composed(spark):
    named = spark.createDataFrame([("x",)], "`Gro\u0308\u00dfe` string")
    assert named.select(column(named, "gr\u00f6\u00dfe", "items.title")).first()[0] == "x"
