"""Types of the keys that say how files are read: the encoding of text, and the pattern of times.

Both are checked when the configuration is loaded, so that no night runs into a wrong one.
"""

import codecs
import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from jobs.config.bounds import EXPECTED, Text

UNITS = ("seconds", "milliseconds")
"""Formats of a Unix time."""
LETTERS = {
    **dict.fromkeys("dHhKkm", (1, 2)),
    "s": (1, 2),
    **dict.fromkeys("ML", (1, 2, 3, 4)),
    "y": (1, 2, 3, 4, 5, 6),
    "D": (1, 2, 3),
    "G": (1, 2, 3, 4),
    "S": tuple(range(1, 10)),
    "a": (1,),
    "V": (2,),
    "z": (1, 2, 3, 4),
    "O": (1, 4),
    **dict.fromkeys("XxZ", (1, 2, 3, 4, 5)),
}
"""The letters of a pattern by which Spark reads times, and how many may stand together."""
STRFTIME = {
    **{"Y": "yyyy", "y": "yy", "m": "MM", "d": "dd", "H": "HH", "I": "hh", "M": "mm", "S": "ss", "f": "SSSSSS"},
    **{"p": "a", "b": "MMM", "B": "MMMM", "z": "XX", "Z": "z", "j": "DDD", "F": "yyyy-MM-dd", "T": "HH:mm:ss"},
}
"""The letters of strftime as Spark has them."""


def _encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
        "".encode(name)  # a codec such as base64 is none of text
    except (LookupError, ValueError):
        raise PydanticCustomError(EXPECTED, 'the name of an encoding, such as "cp1252" or "utf-16"') from None
    return found.name


def _time_format(pattern: str) -> str:
    problem = None if pattern in UNITS else time_format_problem(pattern)
    if problem:
        wanted = '"seconds", "milliseconds" or a Spark datetime pattern such as "dd.MM.yyyy HH:mm" ({problem})'
        raise PydanticCustomError(EXPECTED, wanted, {"problem": problem})
    return pattern


def time_format_problem(pattern: str) -> str | None:
    """Why Spark cannot read times by a pattern, or would read wrong ones; None for a pattern that is fine."""
    if re.search("%[A-Za-z]", pattern):
        meant = re.sub("%([A-Za-z])|([A-Za-z]+)", _of_strftime, pattern)
        return f"this is a pattern of strftime; Spark's would be {meant!r}"
    plain = re.sub("'[^']*'", " ", pattern)
    if unfit := re.search("['#{}]", plain):
        return "a quote is never closed" if unfit[0] == "'" else f"{unfit[0]} must stand in single quotes"
    runs = [(found[1], len(found[0])) for found in re.finditer(r"([A-Za-z])\1*", plain)]
    wrong = next((run for run in runs if run[1] not in LETTERS.get(run[0], ())), None)
    return _unfit(*wrong, pattern) if wrong else _missing({letter for letter, _ in runs})


def _missing(letters: set[str]) -> str | None:
    """What a pattern of these letters cannot tell."""
    if not ("y" in letters and ("D" in letters or ("d" in letters and letters & {"M", "L"}))):
        hint = ": mm are minutes, MM is the month" if "m" in letters and not letters & {"M", "L"} else ""
        return f"it names no whole day, with year (yyyy), month (MM) and day (dd){hint}"
    if letters & {"h", "K"} and "a" not in letters:
        return "hh goes to 12 and needs a (AM or PM); HH goes to 24"
    return None


def _of_strftime(found: re.Match[str]) -> str:
    return STRFTIME.get(found[1], "") if found[1] else f"'{found[2]}'"


def _unfit(letter: str, length: int, pattern: str) -> str:
    if letter in "YD" and re.search("Y", pattern):
        return f"Y is the year of a week; meant is perhaps {pattern.replace('Y', 'y').replace('D', 'd')!r}"
    if letter == "T":
        return "T is no letter of a pattern; as text it stands in quotes, as in yyyy-MM-dd'T'HH:mm:ss"
    if letter in LETTERS:
        return f"{letter * length} is too long or too short for Spark"
    return f"Spark reads no times by the letter {letter}; text stands in single quotes"


Encoding = Annotated[Text, AfterValidator(_encoding)]
TimeFormat = Annotated[Text, AfterValidator(_time_format)]
