"""The result of a search, as the file of a preset that can be committed."""

from collections.abc import Sequence

import tomlkit
from tomlkit.items import Item, Table

MARK = "# tuned: "
"""Lines that begin with it say where the values come from. A new search replaces them."""


def preset_file(text: str, values: dict[str, float], notes: Sequence[str]) -> str:
    """Return the file of a preset with other values. Comments stay, except beside a value that changes.

    text: the file as it is. values: by key, such as "train.follow"; a whole number is written as one. notes: where
    they come from, a line each.
    """
    lines = [line for line in text.splitlines() if not line.startswith(MARK)]
    first = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    document = tomlkit.parse("\n".join([*lines[:first], *(MARK + note for note in notes), *lines[first:]]) + "\n")
    for key, value in values.items():
        section, name = key.split(".")
        if section not in document:
            document.add(tomlkit.nl())
            document.add(section, tomlkit.table())
        table = document[section]
        assert isinstance(table, Table)
        table[name] = value
        item = table[name]
        assert isinstance(item, Item)
        item.trivia.comment_ws = item.trivia.comment = ""  # tomlkit takes over what stands beside the old value
    return tomlkit.dumps(document)
