"""`daybreak evaluate-search`, as a person uses it."""

import json

import pytest

from jobs.cli.main import main

THINGS = ["desk lamp", "floor lamp", "office chair", "oak desk", "coffee machine", "phone case", "phone charger"]
COLOURS = ["red", "blue", "black", "white", "green"]
BASELINES = {
    "BM25, titles",
    "BM25, all fields",
    "tuned BM25",
    "transformer, titles",
    "transformer, titles and descriptions",
    "RRF of BM25 and transformer",
}


@pytest.fixture
def files(tmp_path):
    """A shop of 35 products, and seven judged queries."""
    lines = ["product_id,title,brand,description,price"]
    grades = ["query,product_id,grade,note"]
    for place, thing in enumerate(THINGS):
        for colour in COLOURS:
            lines.append(f"{thing}-{colour},Acme {colour} {thing},Acme,A {thing} for every home,{10 + place}")
        for other in THINGS:
            shared = len(set(thing.split()) & set(other.split()))
            grades += [f"{thing},{other}-{colour},{min(3, 2 * shared)},x" for colour in COLOURS[:2]]
    (tmp_path / "products.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "judgements.csv").write_text("\n".join(grades) + "\n")
    (tmp_path / "log.csv").write_text("query,product_id\n" + "lamp,desk lamp-red\n" * 3)
    return tmp_path


def arguments(files):
    named = {"products": "products.csv", "judgements": "judgements.csv", "work": "work"}
    return ["evaluate-search", *(part for option, name in named.items() for part in (f"--{option}", str(files / name)))]


def test_a_table_and_the_same_as_json(files, capsys):
    assert main([*arguments(files), "--log", str(files / "log.csv")]) == 0
    table = capsys.readouterr().out
    assert "cross-validation over queries, 5 folds" in table
    assert "relevant is a grade of at least 1.5" in table
    assert "One wrong letter in 7 queries costs" in table
    assert main([*arguments(files), "--log", str(files / "log.csv"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "texts" not in err  # all vectors are known
    *rows, chosen = [json.loads(line) for line in out.splitlines()]
    assert {row["method"] for row in rows} >= BASELINES | {"Daybreak"}
    for row in rows:
        assert row["queries"] == 7
        assert 0 <= row["metrics"]["NDCG@10"] <= 1
        assert f"{row['metrics']['NDCG@10']:.4f}" in table
    ours = next(row for row in rows if row["method"] == "Daybreak")
    assert ours["metrics"]["judged NDCG@10"] > 0.9
    assert ours["slices"]["several words"]["queries"] == 7
    for one in ours["differences"].values():
        assert one["baseline"] in BASELINES
        assert one["low"] <= one["mean"] <= one["high"]
    assert len(chosen["chosen"]["folds"]) == 5
    assert chosen["chosen"]["misspelt"]["queries"] == 7


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("judgements.csv", "query,product_id\nlamp,a\n", "no column grade"),
        ("judgements.csv", "query,product_id,grade\nlamp,desk lamp-red,1\nlamp,oak desk-red,0\n", "needs 5 at least"),
        ("products.csv", "product_id\na\n", "no column title"),
    ],
)
def test_bad_files(files, capsys, name, text, message):
    (files / name).write_text(text)
    assert main(arguments(files)) == 3
    assert message in capsys.readouterr().err
    assert not (files / "work").exists()


def test_a_file_that_is_not_there(files, capsys):
    (files / "products.csv").unlink()
    assert main(arguments(files)) == 2
    assert "products.csv" in capsys.readouterr().err
