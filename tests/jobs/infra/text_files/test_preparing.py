"""Which files are read where they lie, and which are copied as UTF-8 with one record a line."""

import bz2
import gzip
import os
from pathlib import Path

import pytest

from jobs.errors import ConfigError
from jobs.infra.text_files.preparing import Header, header_of, prepare

TEXT = "a,b\n1,x\n2,y\n"
HEADER = Header(("a", "b"), ",")


def csv(path: Path, content: bytes, encoding: str | None = None):
    path.write_bytes(content)
    return prepare([path], "csv", encoding, HEADER, path.parent / "copies")[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", TEXT.encode()),
        ("a.csv", b"\xef\xbb\xbf" + TEXT.encode()),
        ("a.csv.gz", gzip.compress(TEXT.encode())),
        ("a.csv.bz2", bz2.compress(TEXT.encode())),
        ("a.csv", b'a,b\n1,"open\n2,"so, fine"\n'),
    ],
)
def test_most_files_are_read_where_they_lie(tmp_path, name, content):
    ready = csv(tmp_path / name, content)
    assert ready.read == tmp_path / name
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("_a.csv", TEXT.encode()),
        ("a.csv.gz", TEXT.encode()),
        ("a.csv", gzip.compress(TEXT.encode())),
        ("a.csv.GZ", gzip.compress(TEXT.encode())),
    ],
)
def test_a_name_that_misleads_spark_gets_another_one(tmp_path, name, content):
    ready = csv(tmp_path / name, content)
    assert ready.read.is_symlink()
    assert not ready.copied
    assert ready.read.read_bytes() == content
    assert ready.read.name.endswith(".gz") == (content[:2] == b"\x1f\x8b")


@pytest.mark.parametrize(
    ("content", "encoding", "copy"),
    [
        ("a,b\n1,ä\n".encode("cp1252"), "cp1252", "a,b\n1,ä\n"),
        ("a,b\n1,ä\n".encode("utf-16"), None, "a,b\n1,ä\n"),
        (b'a,b\n1,"x\ny"\n', None, 'a,b\n1,"x\ufdd0y"\n'),
        (b'a,b\n1,"\\"x\\" y"\n', None, 'a,b\n1,"""x"" y"\n'),
    ],
)
def test_what_spark_cannot_read_is_copied(tmp_path, content, encoding, copy):
    (tmp_path / "a.csv").write_bytes(content)
    os.utime(tmp_path / "a.csv", (1e9, 1e9))
    ready = prepare([tmp_path / "a.csv"], "csv", encoding, HEADER, tmp_path / "copies")[0]
    assert ready.copied
    assert ready.read.read_text(encoding="utf-8") == copy
    assert ready.read.stat().st_mtime == 1e9  # an item's row holds since then


def test_a_line_for_excel_above_the_header_is_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("sep=|\na,x|b\n1|2\n")
    header = header_of(tmp_path / "a.csv", None)
    assert header == Header(("a,x", "b"), "|", below=True)
    ready = prepare([tmp_path / "a.csv"], "csv", None, header, tmp_path / "copies")[0]
    assert ready.read.read_text() == "a,x|b\n1|2\n"


def test_blank_lines_above_the_header_are_passed_over(tmp_path):
    (tmp_path / "a.csv").write_text("\n \na,b\n1,2\n")
    assert header_of(tmp_path / "a.csv", None) == HEADER


def test_json_of_another_layout_is_copied(tmp_path):
    for number, text in enumerate(['[{"a": 1},\n {"a": 2}]', '\ufeff{"a": 1}\n{"a": 2}\n']):
        (tmp_path / f"{number}.json").write_text(text, encoding="utf-8")
    (tmp_path / "lines.json").write_text('{"a": 1}\n{"a": 2}\n')
    ready = prepare(sorted(tmp_path.glob("*.json")), "json", None, None, tmp_path / "copies")
    assert [one.copied for one in ready] == [True, True, False]
    assert {one.read.read_text() for one in ready} == {'{"a":1}\n{"a":2}\n'.replace(":", ": ")}


def test_a_broken_array_stops(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1}, {"a"')
    with pytest.raises(ConfigError, match=r"a.json: not readable as JSON: no JSON from character 12 on"):
        prepare([tmp_path / "a.json"], "json", None, None, tmp_path / "copies")


@pytest.mark.parametrize(
    ("text", "composed"), [("a,b\n1,2\n", True), ("a,b\n1,\u00e9\n", True), ("a,b\n1,e\u0301\n", False)]
)
@pytest.mark.parametrize("encoding", [None, "utf-16"])
def test_letters_that_are_not_composed_are_noticed(tmp_path, text, composed, encoding):
    assert csv(tmp_path / "a.csv", text.encode(encoding or "utf-8"), encoding).composed is composed


def test_a_wrong_byte_anywhere_is_found(tmp_path):
    text = "a,b\n" + "1,plain\n" * 700_000
    with pytest.raises(ConfigError, match=r"a.csv: is not text in UTF-8"):
        csv(tmp_path / "a.csv", text.encode() + b"2,K\xe4se\n")


def test_the_header_is_found_in_any_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes('größe;"zwei\nzeilen"\n1;2\n'.encode("utf-16"))
    assert header_of(tmp_path / "a.csv", None) == Header(("größe", "zwei\nzeilen"), ";")
