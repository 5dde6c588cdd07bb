"""Which shard a user is on, and which shards a host serves: no array of users is needed for it.

A shard is a range of the hash by which users are ordered (`lookup.keys`), so it is a range of rows, too. Of n shards,
shard s has the ids for which

    (first 4 bytes of sha256(id), as a big-endian number) * n >> 32  ==  s

64 bits are enough for it, so that a router in any language, SQL included, computes the same.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from numbers import Integral
from typing import TypeVar

from lookup.keys import clean_id, each, hash_id
from lookup.release.catalog_schema import CATALOG_FILE
from lookup.release.manifest_rules import MOST_SHARDS

T = TypeVar("T")
BITS = 32
"""How many of the first bits of a hash tell the shard."""
FOLDER = re.compile(r"arrays/shard-(\d{3})/")
"""How the name of a file begins that is of one shard."""
TEXT = re.compile(r"\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*(?:/\s*(\d{1,4})\s*)?")


def shard_of(user: str, shards: int) -> int:
    """The shard of a user, 0 … shards-1, for a router: it needs no release.

    shards: how many there are, from 1 to 1,000. Raises TypeError for what cannot be an id, ValueError for another
    number of shards.
    """
    return of_hash(hash_id(clean_id(user).encode("utf-8", "surrogatepass")), _count(shards))


def of_hash(hashed: int, shards: int) -> int:
    """The shard of a hash of `lookup.keys`."""
    return (hashed >> BITS) * shards >> BITS


def first_hash(shard: int, shards: int) -> int:
    """The smallest hash that is of a shard, or of one after it."""
    return -(-(shard << BITS) // shards) << BITS


def bounds(hashes: Sequence[int], shards: int) -> list[int]:
    """Where each shard begins among rising hashes, and after it where the last one ends; shards + 1 places."""
    return [bisect_left(hashes, first_hash(shard, shards)) for shard in range(shards)] + [len(hashes)]


@dataclass(frozen=True)
class Served:
    """Which shards a host serves.

    numbers: rising. None: all that a release has. of: how many shards they are numbers of; None: as many as the release
    has. Raises ValueError for numbers that are none.
    """

    numbers: tuple[int, ...] | None = None
    of: int | None = None

    def __post_init__(self) -> None:
        if self.numbers is None:
            if self.of is not None:
                raise ValueError("of is how many shards the numbers in shards are of: give both, or neither")
            return
        if self.of is not None:
            _count(self.of)
        if min(self.numbers, default=0) < 0:
            raise ValueError(f"shards are numbers, 0 or more, not {min(self.numbers)}")
        if self.of is not None and max(self.numbers, default=0) >= self.of:
            raise ValueError(f"shards are 0 to {self.of - 1} of {self.of}, not {max(self.numbers)}")

    @classmethod
    def given(cls, numbers: Iterable[int] | None, of: int | None) -> "Served":
        """From what a caller gives: whole numbers of any kind, in any order. Raises ValueError for others, TypeError
        for what cannot be iterated over.
        """
        if numbers is None:
            return cls(None, of)
        found = list(islice(each("shards", numbers), MOST_SHARDS + 1))
        if len(found) > MOST_SHARDS or not all(
            isinstance(one, Integral) and not isinstance(one, bool) for one in found
        ):
            raise ValueError(f"shards are numbers, 0 or more, and at most {MOST_SHARDS}, not {found!r:.200}")
        return cls(tuple(sorted({int(one) for one in found})), of)

    @classmethod
    def read(cls, text: str) -> "Served":
        """From a text such as `0,3/8`: shards 0 and 3 of 8. Raises ValueError for another text."""
        found = TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r:.100}: numbers of shards expected, and of how many, such as 0,3/8")
        return cls.given(map(int, found[1].split(",")), None if found[2] is None else int(found[2]))

    @property
    def every(self) -> bool:
        """Whether it is all shards, whatever a release has."""
        return self.numbers is None

    def settled(self, shards: int) -> "Served":
        """The same, for releases that have another number of shards, too. shards: how many the numbers are of."""
        return self if self.numbers is None or self.of is not None else replace(self, of=shards)

    def among(self, shards: int) -> frozenset[int]:
        """The shards of a release with so many: all in which a user may be of a shard that is served.

        So a host has every user that it has by another number of shards, and perhaps more. Raises ValueError where a
        number is one that the release does not have.
        """
        if self.numbers is None:
            return frozenset(range(shards))
        of = self.of or shards
        if max(self.numbers, default=0) >= of:
            raise ValueError(
                f"shards are 0 to {of - 1}, for the release has {of}, and not {max(self.numbers)}; where they are "
                "numbers of another division, say of how many: of=8"
            )
        ranges = [(first_hash(one, of), first_hash(one + 1, of)) for one in self.numbers]
        return frozenset(
            shard
            for shard in range(shards)
            if any(start < first_hash(shard + 1, shards) and first_hash(shard, shards) < end for start, end in ranges)
        )

    def __str__(self) -> str:
        if self.numbers is None:
            return "all shards"
        said = ", ".join(map(str, self.numbers)) or "none"
        return f"shards {said}" + (f" of {self.of}" if self.of else "")


ALL = Served()
"""Every shard."""


def shards_in(names: Iterable[str]) -> int:
    """How many shards a release has, by the names of its files; 1 for one without shards."""
    found = (FOLDER.match(name) for name in names)
    return 1 + max((int(one[1]) for one in found if one is not None), default=0)


def needed(files: Mapping[str, T], served: Served) -> dict[str, T]:
    """The files of a release that a host needs, by name: all of them where it serves all shards.

    Else neither those of other shards nor the catalog, which no call reads.
    """
    if served.every:
        return dict(files)
    mine = served.among(shards_in(files))
    of = {name: FOLDER.match(name) for name in files}
    return {
        name: fact
        for name, fact in files.items()
        if name != CATALOG_FILE and ((found := of[name]) is None or int(found[1]) in mine)
    }


def _count(shards: int) -> int:
    if not isinstance(shards, int) or isinstance(shards, bool) or not 1 <= shards <= MOST_SHARDS:
        raise ValueError(f"a number of shards is from 1 to {MOST_SHARDS}, not {shards!r:.100}")
    return shards
