"""Looking into the files of a shop."""

import bz2
import csv
import gzip
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import ConfigError
from jobs.infra.files import (
    LONGEST,
    SEPARATORS,
    csv_header,
    find_files,
    first_records,
    open_text,
    partitions_of,
    resolve,
    spark_path,
)
from tests.other_user import as_nobody, only_root


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


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in (
        "a [1]/x.csv",
        "a [1]/.h/x.csv",
        "a [1]/_t/x.csv",
        "a [1]/out.csv/part-0.csv",
        "b/day=1/y.csv",
        "b/n.txt",
    ):
        path = tmp_path / "my [shop] %20=#" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n")
    return tmp_path / "my [shop] %20=#"


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ("a [1]/x.csv", ["a [1]/x.csv"]),
        ("a [1]", ["a [1]/out.csv/part-0.csv", "a [1]/x.csv"]),
        ("a [1]/*.csv", ["a [1]/out.csv/part-0.csv", "a [1]/x.csv"]),
        ("**/*.csv", ["a [1]/out.csv/part-0.csv", "a [1]/x.csv", "b/day=1/y.csv"]),
        ("a [1]/_t/*.csv", ["a [1]/_t/x.csv"]),
        (["b", "b/day=*/*.csv"], ["b/day=1/y.csv"]),
        ("../my [shop] %20=#/b", ["../my [shop] %20=#/b/day=1/y.csv"]),
    ],
)
def test_files_are_found_whatever_their_folders_are_called(base, patterns, found):
    assert [path.relative_to(base).as_posix() for path in find_files(patterns, base)] == found


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("none.csv", "no such file"),
        ("b/*.xml", "no such file"),
        ("s3://shop/items.csv", "only paths are read"),
        ("/dev/null", "is no file to read twice"),
        ("delta", "is a Delta table"),
    ],
)
def test_what_is_no_file_is_told(base, pattern, message):
    (base / "delta" / "_delta_log").mkdir(parents=True)
    with pytest.raises(ConfigError, match=f"{re.escape(pattern)}: .*{message}"):
        find_files(pattern, base)


@only_root
@pytest.mark.parametrize("pattern", ["e", "e/*/x.csv", "e/**/*.csv", "*", "e/shut/x.csv", "e/shut/*.csv"])
def test_a_folder_that_this_user_cannot_look_into_is_told_not_passed_over(tmp_path, monkeypatch, pattern):
    for folder in ("e/open", "e/shut", "e/.shut"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.csv").write_text("a\n")
    for folder, mode in ((".", 0o755), ("e", 0o755), ("e/open", 0o755), ("e/shut", 0o700), ("e/.shut", 0o700)):
        (tmp_path / folder).chmod(mode)
    monkeypatch.chdir(tmp_path)  # the folders above are root's alone
    told = as_nobody(lambda: find_files(pattern, Path()))
    assert re.search(r"ConfigError: e/shut\S*: not readable: Permission denied: give this user the right", told)
    assert "x.csv" in as_nobody(lambda: find_files("e/open", Path()))


def test_folders_with_values_below_the_shop_are_columns(base):
    path = base / "b" / "day=2026%3A1" / "x=__HIVE_DEFAULT_PARTITION__" / "y=z.csv"
    assert partitions_of(path, base) == {"day": "2026:1", "x": None}
    assert spark_path(path) == f"file:{path}"
