"""A file of text is opened by what is in it, and what cannot be read is named with what to do."""

import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.errors import ConfigError
from jobs.infra.text_files.opening import check_readable, compression_of, encoding_of, likely_encoding, open_text
from tests.other_user import as_nobody, only_root


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return bytes(sink.getvalue())


PACKED = {"gzip": gzip.compress, "bz2": bz2.compress, "zstd": zstd, "xz": lzma.compress}
TEXT = "größe;farbe\r\n" + "groß;blau\r\n" * 500


def read(path: Path, encoding: str | None = None) -> str:
    with open_text(path, encoding) as text:
        return text.read()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.CSV.GZ", "a.csv.zst"])
@pytest.mark.parametrize("kind", PACKED)
def test_what_compresses_a_file_is_told_by_its_content(tmp_path, name, kind):
    path = tmp_path / name
    path.write_bytes(PACKED[kind](TEXT.encode()))
    assert compression_of(path) == kind
    assert read(path) == TEXT
    path.write_bytes(TEXT.encode())
    assert compression_of(path) is None
    assert read(path) == TEXT


@pytest.mark.parametrize("kind", PACKED)
def test_a_file_that_is_cut_off_is_named(tmp_path, kind):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(PACKED[kind](TEXT.encode())[:-9])
    with pytest.raises(ConfigError, match=r"a.csv.gz: is damaged, or was cut off .* Copy it again"):
        read(path)


def test_damaged_bytes_within_a_compressed_file_are_told(tmp_path):
    path = tmp_path / "a.csv.gz"
    packed = bytearray(gzip.compress(TEXT.encode()))
    packed[20:24] = b"\xff\xff\xff\xff"
    path.write_bytes(packed)
    with pytest.raises(ConfigError, match=r"a.csv.gz: is damaged"):
        read(path)


def test_a_text_that_begins_like_bzip2_is_a_text(tmp_path):
    (tmp_path / "a.csv").write_text("BZh9,b\n1,2\n")
    assert compression_of(tmp_path / "a.csv") is None


def test_an_archive_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(ConfigError, match=r"is an archive \(.zip or .xlsx\)"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_marks_and_pairs_of_bytes_tell_the_encoding(tmp_path, encoding):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode(encoding)))
    assert encoding_of(path) == encoding
    assert read(path) == TEXT
    assert likely_encoding(path) == encoding


def test_a_declared_encoding_is_taken(tmp_path):
    (tmp_path / "a.csv").write_bytes(TEXT.encode("cp1252"))
    assert read(tmp_path / "a.csv", "cp1252") == TEXT


@pytest.mark.parametrize("lines", [1, 9000])
def test_what_is_not_utf_8_is_never_guessed_but_named_with_what_it_may_be(tmp_path, lines):
    path = tmp_path / "a.csv"
    path.write_bytes(("sku,name\n" + "A1,Tea\n" * lines + "K\xc4,K\xe4se\nK\xd6,Br\xf6tchen\n").encode("latin-1"))
    assert likely_encoding(path) == "cp1252"
    with pytest.raises(ConfigError, match=r'a.csv: is not text in UTF-8.* encoding = "cp1252", which is what it looks'):
        read(path)


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("cp1251", "Красная кружка, синяя тарелка"),
        ("cp1250", "Kubek żółty, łyżka, miód, świeca"),
        ("cp1252", "Crème brûlée, pâté de foie, £ 5"),
        ("cp1252", "Taza roja, piñata, niño, jamón"),
    ],
)
def test_the_commonest_of_the_likely_encodings_is_suggested(tmp_path, encoding, title):
    path = tmp_path / "a.csv"
    path.write_bytes(("id,name\n" + f"1,{title}\n" * 20).encode(encoding))
    assert likely_encoding(path) == encoding


def test_a_wrong_declaration_is_told(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"sku,name\nA1,\x81\n")
    with pytest.raises(ConfigError, match=r'is not text in cp1252.* encoding = "iso-8859-1"'):
        read(tmp_path / "a.csv", "cp1252")


def test_a_file_that_is_not_there_or_a_folder_is_told(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ConfigError, match=f"{path}: not readable: "):
            read(path)


@only_root
def test_a_file_of_another_user_is_told_with_what_to_do(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # the folders above are root's alone
    Path("a.csv").touch()
    Path("open.csv").touch()
    Path("a.csv").chmod(0o600)
    Path("open.csv").chmod(0o644)  # whatever the umask
    told = as_nobody(lambda: check_readable(Path("a.csv")))
    assert told.endswith("a.csv: not readable: Permission denied: give this user the right to read it\n")
    assert as_nobody(lambda: check_readable(Path("open.csv"))) == "None"
