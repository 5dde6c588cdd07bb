"""Tables of products, judgements and query logs: what is read, and what is told of bad ones."""

import json

import numpy as np
import polars as pl
import pytest

from jobs.errors import DataError
from jobs.evaluation.search.files.judgements import read_judgements
from jobs.evaluation.search.files.products import read_products
from jobs.evaluation.search.files.query_log import read_query_log
from lookup.item_fields import PATH_SEPARATOR


@pytest.fixture
def write(tmp_path):
    """Write a file, and return its path."""

    def put(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return put


@pytest.fixture
def products(write):
    return read_products(write("products.csv", "product_id,title\na,Lamp\nb,Desk\nc,Chair\n"))


def test_all_columns(tmp_path):
    attributes = {"t_colour": "red", "n_width": 30.0, "b_wireless": True, "b_loud": False, "size": ["S", "M"]}
    pl.DataFrame(
        {
            "product_id": [1, 2],
            "name": ["Lamp", "Desk"],
            "brand": ["Acme", None],
            "category": ["Home > Lamps", "Home/Desks"],
            "short_description": [None, "Of oak"],
            "price_cents": [1250, None],
            "date_released": ["1970-01-11T00:00:00Z", None],
            "attributes": [json.dumps(attributes), ""],
        }
    ).write_parquet(tmp_path / "p.parquet")
    found = read_products(tmp_path / "p.parquet")
    assert found.ids == ["1", "2"]
    assert found.texts[0][:3] == ("Lamp", "Acme", PATH_SEPARATOR.join(["Home", "Lamps"]))
    assert found.texts[1] == ("Desk", "", PATH_SEPARATOR.join(["Home", "Desks"]), "", "Of oak")
    words = found.texts[0][3]
    assert "colour red" in words
    assert "width 30" in words
    assert "wireless" in words
    assert "size S M" in words
    assert "loud" not in words
    assert "True" not in words
    assert found.price[0] == 12.5
    assert np.isnan(found.price[1])
    assert found.day.tolist() == [10, -1]
    assert found.brands == ["Acme"]
    assert found.brand.tolist() == [0, -1]
    assert found.paths == [("Home",), ("Home", "Desks"), ("Home", "Lamps")]
    assert found.category.tolist() == [[0, 2], [0, 1]]


def test_json_lines(write):
    found = read_products(write("p.jsonl", '{"product_id": "x", "title": "Lamp", "price": 3.5}\n'))
    assert (found.ids, found.titles, found.price.tolist()) == (["x"], ["Lamp"], [3.5])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.csv", "", "empty"),
        ("p.csv", "product_id,title\n", "no rows"),
        ("p.csv", "product_id,text\na,Lamp\n", "no column title"),
        ("p.csv", "title\nLamp\n", "no column product_id"),
        ("p.csv", "product_id,title\na,Lamp\na,Desk\n", "'a' is there twice"),
        ("p.csv", "product_id,title\n,Lamp\n", "row 1: no product_id"),
        ("p.csv", "product_id,title,price\na,Lamp,cheap\n", "row 1: price: 'cheap' is no number"),
        ("p.csv", "product_id,title,price\na,Lamp,-1\n", "is no price"),
        ("p.csv", "product_id,title,attributes\na,Lamp,red\n", "is no JSON"),
        ("p.csv", "product_id,title,attributes\na,Lamp,[1]\n", "is no JSON object"),
        ("p.csv", "product_id,title,date\na,Lamp,yesterday\n", "does not begin with a date"),
        ("p.xlsx", "x", "a table ends in"),
        ("p.parquet", "no parquet", "not a table that can be read"),
        ("p.jsonl", "{", "not a table that can be read"),
    ],
)
def test_bad_products(write, name, text, message):
    with pytest.raises(DataError, match=message):
        read_products(write(name, text))


def test_judgements_from_zero(write, products):
    found = read_judgements(write("j.csv", "query,product_id,grade,by\nlamp,b,0,x\n lamp,c,3,x\n"), products)
    assert found.queries == ["lamp"]
    assert found.rows[0].tolist() == [1, 2]
    assert found.gains(0).tolist() == [0, 3]
    assert found.relevant(0).tolist() == [2]
    assert found.least_relevant == 1.5


def test_judgements_from_one(write, products):
    found = read_judgements(write("j.csv", "query,product_id,grade\nlamp,b,1\nlamp,a,4\ndesk,a,3\n"), products)
    assert found.gains(0).tolist() == [7, 0]
    assert found.relevant(0).tolist() == [0]
    assert found.relevant(1).tolist() == [0]
    assert "at least 2.5" in found.said()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("query,grade\nlamp,1\n", "no column product_id"),
        ("query,product_id,grade\nlamp,z,1\nlamp,y,1\n", "2 rows are of products that the table does not have: z, y"),
        ("query,product_id,grade\nlamp,a,good\n", "grade good is no number"),
        ("query,product_id,grade\nlamp,a,\n", "is no number"),
        ("query,product_id,grade\nlamp,a,1\nlamp,a,2\n", "row 2: 'lamp' and a are judged twice"),
        ("query,product_id,grade\n ,a,1\n", "row 1: no query"),
        ("query,product_id,grade\nlamp,a,2\ndesk,b,2\n", "every grade is 2"),
        ("", "empty"),
    ],
)
def test_bad_judgements(write, products, rows, message):
    with pytest.raises(DataError, match=message):
        read_judgements(write("j.csv", rows), products)


def test_query_log(write):
    found = read_query_log(write("l.csv", "text,product_id\nlamp,a\nlamp,\nlamp,a\n"))
    assert found.queries == {"lamp": 3}
    assert found.clicks == {("lamp", "a"): 2}
    with pytest.raises(DataError, match="no column query"):
        read_query_log(write("l.csv", "words\nlamp\n"))
    with pytest.raises(DataError, match="row 1: no query"):
        read_query_log(write("l.csv", "query,product_id\n,a\n"))
