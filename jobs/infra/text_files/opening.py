"""Open a file of text by what is in it: its compression, and its encoding, which is declared, marked or UTF-8."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from jobs.errors import ConfigError

COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz"}
"""First bytes of a file → what compresses it."""
BZIP2_BLOCK = (b"1AY&SY", b"\x17rE8P\x90")
"""Follows "BZh" and a digit: a block, or the end of an empty file. A CSV file may well begin with "BZh"."""
ARCHIVE = b"PK\x03\x04"
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the beginning of this one
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Marks at the beginning of a text → its encoding."""
UTF_8 = ("utf-8", "utf-8-sig")
COMMON = (
    *("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r"),
    *("cp932", "shift_jis", "euc_jp", "gb2312", "gb18030", "big5", "cp949", "euc_kr"),
)
"""Encodings that files have, beside UTF-8 and cp1252. A guess by few characters falls on stranger ones."""
SAMPLE = 1 << 16
"""Bytes by which an encoding is guessed."""


def compression_of(path: Path) -> str | None:
    """What compresses a file, by its first bytes: a value of COMPRESSIONS; None where nothing does.

    Raises ConfigError for an archive, and where the file is not readable.
    """
    with reading(path), path.open("rb") as file:
        head = file.read(10)
    if head.startswith(ARCHIVE):
        raise ConfigError(f"{path}: is an archive (.zip or .xlsx), not a file of text: unpack it, or export it as CSV")
    kind = next((kind for magic, kind in COMPRESSIONS.items() if head.startswith(magic)), None)
    return None if kind == "bz2" and not head[4:].startswith(BZIP2_BLOCK) else kind


def open_bytes(path: Path) -> BinaryIO:
    """The bytes of a file, uncompressed. Reading them raises what `reading` turns into a ConfigError."""
    kind = compression_of(path)
    if kind == "zstd":
        import pyarrow as pa

        return cast(BinaryIO, pa.input_stream(str(path), compression=kind))
    if kind is None:
        return path.open("rb")
    opened = {"gzip": gzip.GzipFile, "bz2": bz2.BZ2File, "xz": lzma.LZMAFile}[kind](path)
    return cast(BinaryIO, opened)


def encoding_of(path: Path, declared: str | None = None) -> str:
    """The encoding of a text, as Python names it: that of its mark, else the declared one, else UTF-8.

    Where every second byte is 0, it is UTF-16 without a mark.
    """
    with reading(path), open_bytes(path) as file:
        head = file.read(4)
    marked = next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
    if marked or declared:
        return marked or declared or ""
    every_second: dict[tuple[bool, ...], str] = {
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return every_second.get(tuple(byte == 0 for byte in head), "utf-8")


@contextmanager
def open_text(path: Path, encoding: str | None = None, errors: str = "strict") -> Iterator[TextIO]:
    """A file of text to read from, whatever compresses it, with its line breaks as they are.

    encoding: the declared one, as `encoding_of` takes it. errors: as `open` takes it.
    Raises ConfigError, naming the file, where it cannot be opened or decoded, in the block, too.
    """
    name = encoding_of(path, encoding)
    with reading(path, name), open_bytes(path) as raw:
        yield io.TextIOWrapper(raw, encoding=name, errors=errors, newline="")


@contextmanager
def reading(path: Path, encoding: str | None = None) -> Iterator[None]:
    """Turn the errors of reading a file into a ConfigError that names it and says what to do.

    encoding: of the text that is read, for messages.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise undecodable(path, encoding or error.encoding, error.object[error.start : error.start + 20]) from None
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        if error.errno is None:  # of bz2 and of pyarrow
            raise _damaged(path, str(error)) from None
        if isinstance(error, PermissionError):
            raise closed(path) from None
        raise ConfigError(f"{path}: not readable: {error.strerror}") from None


def check_readable(path: Path) -> None:
    """Raise ConfigError where this user cannot open a file."""
    with reading(path), path.open("rb"):
        pass


def closed(path: Path | str) -> ConfigError:
    """The error for a file or folder that is not for this user."""
    return ConfigError(f"{path}: not readable: Permission denied: give this user the right to read it")


def undecodable(path: Path, encoding: str, found: bytes) -> ConfigError:
    """The error for a text that its encoding does not fit. found: the bytes from the first wrong one on."""
    likely = likely_encoding(path)
    other = "iso-8859-1" if likely is None or likely == encoding else likely
    name = "UTF-8" if encoding in UTF_8 else encoding
    return ConfigError(
        f"{path}: is not text in {name}: it has the bytes {found!r}. Name its encoding beside `files` in the "
        f'configuration, for example encoding = "{other}"'
        + (", which is what it looks like" if other == likely else "")
        + "; or save the file as UTF-8"
    )


def likely_encoding(path: Path) -> str | None:
    """What encodes a text, as far as one can guess: the mark's, else UTF-8 where it fits, else the likeliest.

    None where it is not like any text. It is a guess from the first lines, and from those with other characters than
    English ones: a person must confirm it.
    """
    marked = encoding_of(path)
    if marked != "utf-8":
        return marked
    sample = _telling(path)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)  # it may end within a character
        return "utf-8"
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes

    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        return None
    # Where several fit as well, the commonest: Western European.
    as_well = (one for one in matches if one.chaos <= best.chaos and one.coherence >= best.coherence)
    western = any("cp1252" in (one.encoding, *one.could_be_from_charset) for one in as_well)
    return best.encoding if best.encoding in COMMON and not western else "cp1252"


def _telling(path: Path) -> bytes:
    """The first bytes of a text, and the lines after them that are not ASCII; at most SAMPLE of each."""
    with reading(path), open_bytes(path) as file:
        head = file.read(SAMPLE)
        more = head[:0]
        for line in file:
            if len(more) >= SAMPLE:
                break
            if not line.isascii():
                more += line
    whole = head.rfind(b"\n") + 1 or len(head)
    return head[:whole] + more + (b"" if more else head[whole:])


def _damaged(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"{path}: is damaged, or was cut off while it was copied: its compressed data end too early or make no sense "
        f"({problem.rstrip('.')}). Copy it again"
    )
