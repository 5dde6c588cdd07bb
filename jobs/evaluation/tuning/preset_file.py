"""What a search found, as the file of a preset that can be committed."""

import re
from collections.abc import Sequence

MARK = "# tuned: "
"""Begins the lines that say where the values come from; those of an earlier search are taken out."""


def preset_file(text: str, values: dict[str, float], notes: Sequence[str]) -> str:
    """The file of a preset with other values; its comments stay.

    text: the file as it is. values: by key, such as "train.follow"; a whole number is written as one. notes: where
    they come from, a line each.
    """
    lines = [line for line in text.rstrip("\n").split("\n") if not line.startswith(MARK)]
    for key, value in values.items():
        section, name = key.split(".")
        _put(lines, section, name, f"{name} = {value!r}")
    first = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join([*lines[:first], *(MARK + note for note in notes), *lines[first:]]) + "\n"


def _put(lines: list[str], section: str, name: str, new: str) -> None:
    """Put a line into a section: in place of that of the same name, else at its end."""
    header = f"[{section}]"
    if header not in lines:
        lines += ["", header]
    begin = lines.index(header) + 1
    end = next((n for n in range(begin, len(lines)) if lines[n].startswith("[")), len(lines))
    for n in range(begin, end):
        if re.match(rf"{name}\s*=", lines[n]):
            lines[n] = new
            return
    while not lines[end - 1].strip():
        end -= 1
    lines.insert(end, new)
