"""Looking into the files of a shop."""

import bz2
import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import ConfigError
from jobs.infra.files import LONGEST, SEPARATORS, csv_header, first_records, open_text, resolve


@pytest.mark.parametrize(
    ("line", "names", "separator"),
    [
        ("a,b", ["a", "b"], ","),
        ("a;b;c,d\r\n", ["a", "b", "c,d"], ";"),
        ("user|item,id|time\n", ["user", "item,id", "time"], "|"),
        ("a\tb\n", ["a", "b"], "\t"),
        ('"a;b;c","d"\n', ["a;b;c", "d"], ","),
        ('"a" ,b;c\n', ["a ", "b;c"], ","),
        ("one\n", ["one"], ","),
        ("", [], ","),
        ("x" * 200_000, [], ","),
    ],
)
def test_the_separator_is_the_one_that_finds_most_columns(line, names, separator):
    assert csv_header([line, "1,2,3,4,5\n"]) == (names, separator)


@given(
    names=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, max_size=6),
    separator=st.sampled_from(SEPARATORS),
)
def test_a_header_in_quotes_is_read_back(names, separator):
    made = io.StringIO()
    writer = csv.writer(made, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([names, ["1"] * len(names)])
    assert csv_header(io.StringIO(made.getvalue(), newline="")) == (names, separator)


def test_first_records_end_with_a_record():
    lines = ["a,b\n", '1,"x\n', 'y"\n', "2,z\n"]
    assert first_records(lines, 1) == "a,b\n"
    assert first_records(lines, 2) == 'a,b\n1,"x\ny"\n'
    assert first_records(lines, 9) == "".join(lines)
    assert first_records(["a\n", '"never closed\n', *["x\n"] * 2 * LONGEST], 1) == "a\n"
    assert first_records(['"never closed\n', *["x\n"] * 2 * LONGEST], 1).count("\n") == 1 + LONGEST


@pytest.mark.parametrize(
    ("name", "packed"),
    [("a.csv", bytes), ("a.csv.gz", gzip.compress), ("a.csv.GZ", gzip.compress), ("a.csv.bz2", bz2.compress)],
)
def test_text_is_read_whatever_compresses_it(tmp_path: Path, name, packed):
    (tmp_path / name).write_bytes(packed("\ufeffgröße\r\n".encode()))
    with open_text(tmp_path / name) as lines:
        assert lines.read() == "größe\r\n"


def test_a_package_is_found_without_being_imported(tmp_path, monkeypatch):
    inner = tmp_path / "shop_of_others" / "data"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").write_text("raise AssertionError('it was imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert resolve("package://shop_of_others/a.csv", tmp_path) == inner.parent / "a.csv"
    assert resolve("package://shop_of_others.data/a.csv", tmp_path) == inner / "a.csv"
    for text in ("package://no_such_shop.data/a.csv", "package:///a.csv"):
        with pytest.raises(ConfigError, match="is not installed"):
            resolve(text, tmp_path)
