"""How patches stand in the hashes of the log in Redis: each as canonical JSON, with its position."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from lookup.patches.patch import (
    EVENT,
    ITEM,
    Front,
    Patch,
    Statement,
    add,
    canonical,
    latest_time,
    statements,
)
from lookup.patches.patch_log import Event, Forgotten


def script_input(patches: list[Patch], contents: dict[str, dict[str, str]]) -> Iterator[list[Any]]:
    """What the appending script must do for each patch; nothing for statements that can never hold.

    contents: the hashes of the items, by id.
    """
    fronts: dict[tuple[str, str], Front] = {}
    latest = latest_time()
    for item, content in contents.items():
        for one in statements_in(item, content):
            fronts[item, one.field] = add(fronts.get((item, one.field), ()), one, latest)
    for patch in patches:
        if patch.kind == EVENT:
            values = patch.values
            identity = canonical([patch.at, values["item"], values["type"], patch.source, values["value"]])
            yield [patch.kind, patch.key, patch.at, identity]
        elif patch.kind == ITEM:
            gone: list[str] = []
            new: list[Statement] = []
            for said in statements(patch):
                before = fronts.get((said.item, said.field), ())
                after = fronts[said.item, said.field] = add(before, said, latest)
                if after is not before:
                    new.append(said)
                    gone += [identity_of(old) for old in before if old not in after]
            if new:
                standing = int(any(not said.absorbed(0) for said in new))
                yield [patch.kind, patch.key, gone, list(map(identity_of, new)), standing]
        else:
            yield [patch.kind, patch.key, patch.at]


def identity_of(said: Statement) -> str:
    """A statement as JSON: its key in the hash of its item."""
    return canonical([said.field, said.at, said.source, said.until, said.value])


def statements_in(item: str, content: dict[str, str]) -> list[Statement]:
    """The statements in the hash of an item."""
    found = []
    for identity, position in content.items():
        if identity:
            field, at, source, until, value = json.loads(identity)
            found.append(Statement(item, field, at, source, until, value, int(position)))
    return found


def events_in(user: str, content: Iterable[tuple[str, str]]) -> Iterator[Event]:
    """The events in the hash of a user."""
    for identity, position in content:
        at, item, kind, source, value = json.loads(identity)
        yield Event(user, item, kind, at, source, value, int(position))


def forgotten_in(user: str, content: str) -> Forgotten:
    """A user in the hash of those that were forgotten."""
    at, position = content.split()
    return Forgotten(user, int(at), int(position))


def position_of(row: Statement | Forgotten) -> int:
    """The sort key of statements and forgets."""
    return row.position
