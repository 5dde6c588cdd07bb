"""Sealed JSON: the last key of an object, `sha256`, is the digest of its text without that key; it tells any change."""

import json
import re
from collections.abc import Container
from hashlib import sha256
from typing import Any

SEAL = "sha256"
END = re.compile(rf',\n  "{SEAL}": "([0-9a-f]{{64}})"\n}}\n\Z')
"""How sealed text ends."""
DIGEST = re.compile("[0-9a-f]{64}")


def sealed(data: dict[str, Any]) -> str:
    """The text of an object with its seal. data: not empty; a seal in it is replaced."""
    text = json.dumps({key: value for key, value in data.items() if key != SEAL}, indent=2)
    return f'{text[:-2]},\n  "{SEAL}": "{_digest(text)}"\n}}\n'


def broken_seal(text: str, data: dict[str, Any], known: Container[str]) -> str | None:
    """What is wrong with the seal of a text; None where it is right, and where the text has no seal.

    data: the parsed text. known: all other keys that it may have with a digest as their value.
    """
    end = END.search(text)
    if end is None:
        # A key that nobody knows, with a digest, is a seal whose name is damaged.
        if SEAL in data or any(_is_digest(value) for key, value in data.items() if key not in known):
            return "its last line, its own sha256, is not as it was written"
        return None
    found = _digest(f"{text[: end.start()]}\n}}")
    return None if found == end[1] else f"its own sha256 is {found}, {end[1]} expected by its last line"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None
