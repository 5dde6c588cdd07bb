"""Normalised text: what is left when spellings of the same words are made equal.

HTML entities and tags, compatibility forms (NFKD: full and half width, ligatures, superscripts), case, accents, kinds
of dashes and quotes, digits of every script, and blanks. What changes a word stays: the voicing marks of kana, the
vowel signs of Indic scripts, and й.
"""
# ruff: noqa: RUF001 – the point of these tables is that characters look alike.

import html
import re
import unicodedata
from collections.abc import Callable

LONGEST_FIELD = 20_000
"""The most characters of a field of an item; what follows is cut off."""
LONGEST_QUERY = 2_000
"""The most characters of a query; what follows is cut off."""

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_NAMES = (
    "a|abbr|b|blockquote|body|br|center|code|dd|div|dl|dt|em|font|h[1-6]|head|hr|html|i|img|input|label|li|link|meta|ol|p"
    "|pre|s|script|small|span|strong|style|sub|sup|table|tbody|td|th|thead|tr|u|ul"
)
_TAG = re.compile(rf"</?(?:{_NAMES})(?:\s[^<>]{{0,1000}})?/?>", re.IGNORECASE)
_ROUNDS = 4
"""How often entities in entities (`&amp;amp;`) are resolved; what is left then is no entity that anybody meant."""

_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u08d3-\u08e1\u08e3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\ufe20-\ufe2f]"
)
"""Marks that are an accent or an optional vowel: Latin, Greek, Cyrillic, Hebrew, Arabic, Syriac, and symbols."""
_BEFORE: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "™®©℠"), " "),  # NFKD would make "Lego™" "Legotm"
    **dict.fromkeys(map(ord, "″“”„‟«»"), '"'),
    **dict.fromkeys(map(ord, "′‘’‚‛ʼʹ`´＇"), "'"),
    **dict.fromkeys(map(ord, "־᠆‐‑‒–—―−﹘﹣－"), "-"),
    ord("×"): "x",
    ord("゛"): "\u3099",  # NFKD would put a blank before them
    ord("゜"): "\u309a",
    0xFFFD: " ",  # what a wrong decoder leaves
    ord("⁄"): "/",
    # Stretched Arabic letters, variants of a picture, and skin tones.
    **dict.fromkeys((0x640, *range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400))),
}
_ZERO_WIDTH_SPACE = 0x200B
_LETTERS = {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t"}
"""Letters that NFKD leaves whole, and that people write without their stroke."""


class _Table(dict[int, str | int | None]):
    """For `str.translate`: what a code point becomes, by a function. Filled as code points come, up to a bound."""

    def __init__(self, becomes: Callable[[int], str | int | None]):
        super().__init__()
        self._becomes = becomes

    def __missing__(self, code: int) -> str | int | None:
        found = self._becomes(code)
        if len(self) < 1 << 15:
            self[code] = found
        return found


def _before_nfkd(code: int) -> str | int | None:
    """Fractions are kept apart from the digits before them: "1½" is not "11/2"."""
    if code in _BEFORE:
        return _BEFORE[code]
    text = chr(code)
    kind = unicodedata.category(text)
    if kind == "Cf" and code != _ZERO_WIDTH_SPACE:
        return None
    if kind[0] == "C" or kind[0] == "Z":
        return " "
    if kind == "No" and "⁄" in unicodedata.normalize("NFKC", text):
        return " " + unicodedata.normalize("NFKC", text).replace("⁄", "/") + " "
    return code


def _after_nfkd(code: int) -> str | int | None:
    """No accents, digits as 0 to 9, letters without their stroke."""
    if _MARKS.match(chr(code)):
        return None
    if code in _BEFORE:
        return _BEFORE[code]
    text = chr(code)
    if text in _LETTERS:
        return _LETTERS[text]
    kind = unicodedata.category(text)
    if kind == "Nd":
        return str(unicodedata.decimal(text))
    return " " if kind[0] == "C" or kind[0] == "Z" else code


_before, _after = _Table(_before_nfkd), _Table(_after_nfkd)


def normalise(text: str, longest: int = LONGEST_FIELD) -> str:
    """The text in one spelling, without blanks at its ends and with single ones inside; at most `longest` characters.

    Idempotent, and never raises for a str, lone surrogates included. Sources: Unicode Annex 15 (NFKD), Unicode 3.13
    (case folding).
    """
    text = text[:longest]
    if text.isascii() and "&" not in text and "<" not in text:
        return _blanks(text.lower())
    for _ in range(_ROUNDS):
        folded = _once(text)
        if folded == text:
            break
        text = folded
    else:
        if _once(text) != text:
            text = _once(_once(text.replace("&", " ").replace("<", " ")))
    return text if len(text) <= longest else text[:longest].rstrip()


def _once(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(_character, text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if text.isascii():
        return _blanks(text.lower())
    text = unicodedata.normalize("NFKD", text.translate(_before))
    text = text.replace("й", "й").replace("Й", "Й")  # a letter of its own
    return _blanks(unicodedata.normalize("NFC", text.translate(_after).casefold()))


def _character(found: re.Match[str]) -> str:
    return html.unescape(found[0])


def _blanks(text: str) -> str:
    if not text.isprintable():
        text = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(text.split())
