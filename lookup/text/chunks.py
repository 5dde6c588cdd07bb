"""From normalised text to chunks and from a chunk to its pieces.

A chunk is what people write together: a word, a code with its separators, a hyphenated word, a number with its unit.
What a chunk means depends on nothing around it. So an analyzer remembers chunks, which come again and again.
"""

import re
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from lookup.text.units import UNITS, canonical, number, written


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    NUMBER = "number"
    """A number, with or without a unit."""
    CODE = "code"
    """Letters and digits, or a part of a model number: never to be corrected."""
    CJK = "cjk"
    """Two neighbouring characters, or a single one, of a script that writes without blanks."""


class Piece(NamedTuple):
    """A token within its chunk, with its terms before stemming."""

    start: int
    end: int
    kind: Kind
    main: str
    same: tuple[str, ...] = ()
    """Other spellings that mean the same, such as a unit as it was written."""
    joined: str = ""
    """The whole chunk without its separators, where that is a term."""
    weak: tuple[str, ...] = ()
    """What an item is indexed under as well, though it says less: parts of a code, the bare number of a size."""
    parts: tuple[str, ...] = ()
    """All that the token is made of: an item that has only some of them has something else ("s24" and "24")."""


_CJK = (
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3105-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003134f"
)
_THAI = "\u0e00-\u0e3a\u0e40-\u0e4e\u0e80-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3"
"""Thai, Lao, Burmese and Khmer, which write without blanks as well."""
_MARKS = "\u0900-\u0963\u0966-\u0df3\u0f00-\u0f03\u0f18-\u0f3f\u0f71-\u0fbc\u135d-\u135f\u1700-\u177f\u180b-\u18af"
"""Blocks whose vowel signs are no letters to Python, but parts of words: Indic ones, Tibetan, and their kin."""
_PICTURES = "\u2190-\u21ff\u2300-\u23ff\u2460-\u2bff\U0001f000-\U0001faff"
_CLUSTER = re.compile(
    ".[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u3099\u309a]*",
    re.DOTALL,
)
"""A character with the marks that belong to it."""
DOT = "\u30fb"
"""Between words in katakana: written or left out."""
_LETTER = f"(?:[^\\W_{_CJK}{_THAI}]|[{_MARKS}])"
_ASCII_LETTER = "[a-z0-9]"
LONGEST_TERM = 40
"""Characters of the longest term; what is longer is cut off, alike in items and queries."""
MOST_PIECES = 8
"""Pieces of the longest chunk that has a joined form."""
_SEGMENTS = 3
"""A code of more runs of letters and digits has no parts: they would be noise."""

# "2 in 1" is no length.
_UNITS = "|".join("in(?! ?1(?![0-9]))" if unit == "in" else re.escape(unit) for unit in UNITS if unit != "'")
_AMOUNT = r"(?:(?:[0-9]{1,3}[ -])?[0-9]{1,3}/[0-9]{1,3}(?![0-9/])|[0-9]+(?:[.,][0-9]+)*)"


def _pattern(letter: str, apart: str) -> re.Pattern[str]:
    """letter: a regular expression for a character of a word. apart: further alternatives.

    The first alternative, without a name, takes what most chunks are without a look at all others.
    """
    unit = rf"(?:[ -]?(?:{_UNITS}|fl[ .]{{0,2}}oz)(?![-_&.']?{letter})|'(?![a-z]))"
    return re.compile(
        rf"(?![0-9]){letter}{letter}+(?:[-_&.'+]{letter}+)*(?:(?<=[0-9])\+(?!\+|{letter}))?"
        rf"|(?P<sign>[a-z](?:\+{{1,3}}|#)(?!{letter})|(?<![^\W_])\.net(?!{letter}))"
        rf"|(?P<word>(?![0-9]){letter}+(?:[-_&.'+]{letter}+)*)"
        rf"|(?P<size>{_AMOUNT}{unit}?(?: ?[x*] ?{_AMOUNT}{unit}?){{1,3}}(?!{letter}))"
        rf"|(?P<unit>(?:{_AMOUNT}|\.[0-9]+){unit})"
        rf"|(?P<number>(?:{_AMOUNT}|(?<![^\W_])\.[0-9]+)(?![-_&.'+]?{letter}))"
        rf"|(?P<code>{letter}+(?:[-_&.'+]{letter}+)*)"
        rf"{apart}"
    )


_ASCII = re.compile(rf"(?=[a-z0-9.])(?:{_pattern(_ASCII_LETTER, '').pattern})")
_ANY = _pattern(_LETTER, rf"|(?P<cjk>[{_CJK}{_THAI}]+)|(?P<picture>[{_PICTURES}])")
_ASCII_TEXTS, _ANY_TEXTS = (re.compile(re.sub(r"\(\?P<\w+>", "(?:", one.pattern)) for one in (_ASCII, _ANY))
_ATOM = re.compile(
    rf"[^\W\d_]*[0-9]+(?:\.[0-9]+)+(?!{_LETTER})|{_LETTER}+(?:'s(?!{_LETTER}))?"
)  # "7.1" and "usb3.0" whole, and "women's"
_SPLIT = re.compile(r"[0-9]+(?:\.[0-9]+)*|[^0-9]+")
_MEASURE = re.compile(rf"({_AMOUNT}|\.[0-9]+)(?:[ -]?({_UNITS}|'|fl[ .]{{0,2}}oz))?")
_PLAIN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([^0-9.]+)")


def chunks(text: str) -> Iterator[re.Match[str]]:
    """The chunks of a normalised text with their places, from left to right."""
    return (_ASCII if text.isascii() else _ANY).finditer(text)


def chunk_texts(text: str) -> list[str]:
    """The chunks of a normalised text, from left to right."""
    return (_ASCII_TEXTS if text.isascii() else _ANY_TEXTS).findall(text)


def pieces(chunk: str) -> tuple[Piece, ...]:
    """The tokens of a chunk, from left to right; of what `chunks` found, and nothing else."""
    found = (_ASCII if chunk.isascii() else _ANY).fullmatch(chunk)
    group = found.lastgroup if found else "word"
    if group == "cjk":
        return _bigrams(chunk)
    if group == "sign":
        return (Piece(0, len(chunk), Kind.WORD, chunk, weak=("net",) if chunk == ".net" else ()),)
    if group == "picture":
        return (Piece(0, len(chunk), Kind.WORD, chunk),)
    if group in ("unit", "number", "size"):
        return _measures(chunk)
    return _words(chunk)


def _measures(chunk: str) -> tuple[Piece, ...]:
    """Numbers with and without units; several of them are a size such as "10 x 12 cm"."""
    found = list(_MEASURE.finditer(chunk))
    if len(found) == 1 and found[0][2] is None:
        return _number(chunk)
    values = [number(one[1], _unit(one[2])) for one in found]
    texts = [one[1] if value is None else written(value) for one, value in zip(found, values, strict=True)]
    joined = "x".join(texts)[:LONGEST_TERM] if len(found) > 1 else ""
    last = _unit(found[-1][2])
    made = []
    for one, value, text in zip(found, values, texts, strict=True):
        unit = _unit(one[2])
        if value is None or unit is None:
            weak = (canonical(value, last),) if value is not None and last is not None else ()
            made.append(Piece(one.start(), one.end(), Kind.NUMBER, text[:LONGEST_TERM], (), joined, weak))
            continue
        term = canonical(value, unit)
        as_written = one[1] + unit
        same = (as_written,) if as_written != term and as_written.isalnum() else ()
        whole, _, fraction = one[1].replace("-", " ").rpartition(" ")
        part = number(fraction) if whole else None  # "10 3/4 in" may be ten of 3/4 inch
        less = (text,) if part is None else (text, whole, canonical(part, unit))
        made.append(Piece(one.start(), one.end(), Kind.NUMBER, term[:LONGEST_TERM], same, joined, less))
    return tuple(made)


def _unit(name: str | None) -> str | None:
    return "floz" if name is not None and name.startswith("fl") else name


def _number(chunk: str) -> tuple[Piece, ...]:
    value = number(chunk)
    if value is None and "," in chunk:  # a list
        return tuple(
            Piece(one.start(), one.end(), Kind.NUMBER, one[0][:LONGEST_TERM]) for one in _DIGITS.finditer(chunk)
        )
    main = chunk
    same: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    if "/" in chunk:
        whole, _, fraction = chunk.replace("-", " ").rpartition(" ")
        if value is not None and (whole or value < 1):
            main, same, weak = written(value), (() if whole else (chunk,)), ((whole, fraction) if whole else ())
        else:
            first, _, second = fraction.partition("/")
            weak = (first, second, *([whole] if whole else ()))
        parts = weak
    elif "," in chunk or chunk.startswith("."):
        main = written(value) if value is not None else chunk
    return (Piece(0, len(chunk), Kind.NUMBER, main[:LONGEST_TERM], same, "", weak, parts),)


_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)*")


_DOMAINS = ("com", "net", "org")


def _words(chunk: str) -> tuple[Piece, ...]:
    """A word, a hyphenated one, or a code with or without separators."""
    atoms = list(_ATOM.finditer(chunk))
    joined, digits = "", any(char in "0123456789" for char in chunk)
    if 1 < len(atoms) <= MOST_PIECES:
        between = {chunk[one.end() : two.start()] for one, two in pairwise(atoms)}
        name = digits or atoms[-1][0] in _DOMAINS or min(len(one[0]) for one in atoms) <= 2
        if "+" not in between and ("." not in between or name):  # "good.the" lacks a blank
            joined = "".join(_bare(one[0]) for one in atoms)
    if len(joined) > LONGEST_TERM:
        joined = ""
    made = tuple(_atom(one, joined, digits and len(atoms) > 1) for one in atoms)
    return (*made[:-1], _plus(made[-1], len(chunk))) if chunk.endswith("+") else made


def _plus(last: Piece, end: int) -> Piece:
    """A code with a plus, such as "s24+": another one than "s24", which is found by it as well, later."""
    main = f"{last.main}+"[:LONGEST_TERM]
    return last._replace(end=end, kind=Kind.CODE, main=main, weak=(last.main, *last.weak, "plus"), parts=(last.main,))


def _atom(found: re.Match[str], joined: str, in_code: bool) -> Piece:
    text, start, end = found[0], found.start(), found.end()
    if not any(char in "0123456789" for char in text):
        kind = Kind.CODE if in_code and len(text) <= 3 else Kind.WORD
        return Piece(start, end, kind, _bare(text)[:LONGEST_TERM], (), joined)
    text = text.removesuffix("'s")
    if text.replace(".", "").isdigit():
        return Piece(start, end, Kind.NUMBER, text[:LONGEST_TERM], (), joined)
    measured = _PLAIN.fullmatch(text)
    if measured and measured[2] in UNITS and (value := number(measured[1], measured[2])) is not None:
        term = canonical(value, measured[2])
        same = (text,) if text != term else ()
        return Piece(start, end, Kind.NUMBER, term[:LONGEST_TERM], same, joined, (measured[1],))
    found_parts = _SPLIT.findall(text)
    parts = tuple(part[:LONGEST_TERM] for part in found_parts) if 1 < len(found_parts) <= _SEGMENTS else ()
    weak = tuple(part for part in parts if len(part) > 1)
    return Piece(start, end, Kind.CODE, text[:LONGEST_TERM], (), joined, weak, parts)


def _bare(text: str) -> str:
    return text.removesuffix("'s")


def _bigrams(chunk: str) -> tuple[Piece, ...]:
    """Pairs of neighbouring characters. A middle dot is passed over: "カメラ・ケース" is "カメラケース" as well."""
    ends = [(one.start(), one.end()) for one in _CLUSTER.finditer(chunk) if one[0] != DOT]
    if not ends:
        return ()
    one = [chunk[start:end][:LONGEST_TERM] for start, end in ends]
    if len(ends) == 1:
        return (Piece(*ends[0], Kind.CJK, one[0]),)
    made = []
    for place in range(len(ends) - 1):
        start, end = ends[place][0], ends[place + 1][1]
        weak = (one[place], one[place + 1]) if place == len(ends) - 2 else (one[place],)
        made.append(Piece(start, end, Kind.CJK, (one[place] + one[place + 1])[:LONGEST_TERM], (), "", weak))
    return tuple(made)
