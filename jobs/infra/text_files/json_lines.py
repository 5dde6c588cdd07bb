"""The records of a JSON file, one on each line: of a file that has one on each line, or of arrays and of objects that
stretch over several lines.
"""

import json
from collections.abc import Iterator
from typing import TextIO

CHUNK = 1 << 20
"""Characters that are read at a time."""
LARGEST = 1 << 26
"""Characters of a record."""
SPACE = " \t\r\n"


def is_lines(text: TextIO) -> bool:
    """Whether a text has a JSON object on each of its lines, as far as its first lines tell; reads from it."""
    begun = [line for line in (text.readline(CHUNK).strip(SPACE) for _ in range(100)) if line][:2]
    if not begun or not begun[0].startswith(("[", "{")):
        return True
    # A first object that goes on with the next line is none of a file of lines, unless that next line is an object.
    return begun[0].startswith("{") and (len(begun[0]) >= CHUNK - 2 or any(map(_is_object, begun)))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def values(text: TextIO) -> Iterator[str]:
    """Every value of a text as JSON on one line: the elements of its arrays, and its other values.

    Raises ValueError, saying where, for what is no JSON, and for a value of more than LARGEST characters.
    """
    scan = json.JSONDecoder().raw_decode
    buffer, at, size, before = "", 0, CHUNK, 0
    inside = False
    while True:
        while at < len(buffer) and (buffer[at] in SPACE or buffer[at] in "[],"):
            # Brackets at the top level begin and end arrays; commas and white space are between their elements.
            inside = buffer[at] == "[" or (inside and buffer[at] != "]")
            at += 1
        if at < len(buffer):
            try:
                _, end = scan(buffer, at)
            except ValueError:
                end = 0
            if end and (end < len(buffer) or buffer[end - 1] in '}"'):
                yield buffer[at:end].replace("\r", " ").replace("\n", " ")
                at, size = end, CHUNK
                continue
        more = text.read(size)
        if not more:
            break
        before += at
        buffer, at, size = buffer[at:] + more, 0, min(2 * size, LARGEST)
        if len(buffer) > 2 * LARGEST:
            raise ValueError(f"the value from character {before + 1} on has more than {LARGEST:,} characters")
    if buffer[at:].strip(SPACE):
        raise ValueError(f"no JSON from character {before + at + 1} on: {buffer[at : at + 60]!r}")
    if inside:
        raise ValueError(f"the array does not end: the file ends after {before + at} characters")
