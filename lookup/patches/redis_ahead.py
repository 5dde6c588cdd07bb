"""What is ahead in a log in Redis: patches of a time that has not come yet, because a writer's clock was wrong.

The appending script refuses them by the clock of the server. Those that an earlier Daybreak kept are found here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from lookup.errors import LogError
from lookup.patches.patch import EVENT, FORGET, ITEM, Patch
from lookup.patches.stores.redis_rows import forgotten_in, identity_of, statements_in
from lookup.patches.validation import iso

HASHES = {"i": "item", "u": "events"}
"""The hashes of statements and of events, by kind."""


class Ahead(NamedTuple):
    """A patch that is ahead, and where it is."""

    hash: str
    entry: str
    """The key in the hash."""
    patch: Patch


def ahead_in(kind: str, key: str, content: dict[str, str], latest: int) -> Iterator[Ahead]:
    """What is later than a time, microseconds since 1970, in the hash of an item ("i") or of a user ("u")."""
    where = f"daybreak:{HASHES[kind]}:{key}"
    if kind == "i":
        for said in statements_in(key, content):
            if said.at > latest:
                patch = Patch(ITEM, key, said.at, said.source, said.until, {said.field: said.value})
                yield Ahead(where, identity_of(said), patch)
        return
    for identity in content:
        at, item, what, source, value = json.loads(identity)
        if at > latest:
            yield Ahead(
                where, identity, Patch(EVENT, key, at, source, None, {"item": item, "type": what, "value": value})
            )


def forgets_ahead(content: Mapping[str, str], latest: int) -> Iterator[Ahead]:
    """What is later than a time in the hash of those that were forgotten."""
    for user, row in sorted(content.items()):
        at = forgotten_in(user, row).at
        if at > latest:
            yield Ahead("daybreak:forgotten", user, Patch(FORGET, user, at, "shop", None, {}))


def ahead_of_server(where: str, patches: Iterable[Patch], clock: tuple[int, int]) -> LogError:
    """The error of patches that are ahead by the server's clock: seconds since 1970, and microseconds."""
    seconds, rest = clock
    return LogError(
        f"{where}: a patch is of {iso(max(patch.at for patch in patches))}, but the clock of the server says "
        f"{iso(seconds * 1_000_000 + rest)}: one of the two clocks is wrong, and nothing was kept; mend it"
    )
