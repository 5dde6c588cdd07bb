"""A/B tests: the arm of a user, and the releases of the arms.

The arm depends on the salt and the user's id alone, so every process and machine agrees without communication. The
number of a user is the first 8 bytes of sha256(sha256(salt) + id), as a share of 2^64. It is uniform, and independent
for different salts, as far as sha256 is; the inner hash keeps two pairs of salt and id from being the same text. The
arms, by name, divide the interval from 0 to 1 by their shares. So of two arms, the one whose share grows keeps its
users and gets new ones.
"""

from bisect import bisect_right
from collections.abc import Mapping
from hashlib import sha256
from itertools import accumulate
from math import isclose, isfinite
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.keys import clean_id
from lookup.release.locks import open_locked
from lookup.release.reader import Release
from lookup.release.shards.routing import ALL, Served
from lookup.release.validation import why_held


class Arms:
    """The arms of a test and their releases, which stay locked as long as this object exists. Thread-safe.

    folder: of the releases. served: the shards of users to map. arms: the id of a release by the name of its arm; two
    arms at least, which may share a release. salt: the name of the test; another salt assigns users anew. shares: of
    the users, by the name of the arm; None makes all equal.

    Raises ValueError for arms or shares that make no test, and ReleaseError for a release that is missing or damaged,
    naming the file, or that `validate` holds.
    """

    def __init__(
        self,
        folder: Path,
        arms: Mapping[str, str],
        salt: str,
        shares: Mapping[str, float] | None = None,
        served: Served = ALL,
    ):
        self.salt, self.names = salt, sorted(arms)
        self.shares = _shares(self.names, shares)
        """The share of the users by the name of the arm; all add up to 1."""
        if not salt:
            raise ValueError("salt is the name of the test, which users are assigned by: it must not be empty")
        self._seed = sha256(sha256(salt.encode()).digest())
        self._ends = [round(end * 2**64) for end in accumulate(self.shares.values())][:-1]
        opened = {release_id: open_locked(folder, release_id, served=served) for release_id in {*arms.values()}}
        for release_id, release in opened.items():
            if why := why_held(release.manifest):
                raise ReleaseError(f"release {release_id} cannot be an arm, for `validate` holds it: {why}")
        self._releases = {name: opened[release_id] for name, release_id in arms.items()}

    def arm(self, user: str) -> str:
        """The name of a user's arm. Any text is a user; raises TypeError for what cannot be an id."""
        hashed = self._seed.copy()
        hashed.update(clean_id(user).encode("utf-8", "surrogatepass"))
        return self.names[bisect_right(self._ends, int.from_bytes(hashed.digest()[:8], "big"))]

    @property
    def releases(self) -> list[Release]:
        """The releases of all arms, each once."""
        return list({release.id: release for release in self._releases.values()}.values())

    def release(self, arm: str) -> Release:
        """The release of an arm. Raises ValueError for a name that no arm has."""
        try:
            return self._releases[arm]
        except KeyError:
            raise ValueError(f"{arm!r} is none of the arms: {', '.join(self.names)}") from None


def _shares(names: list[str], shares: Mapping[str, float] | None) -> dict[str, float]:
    if len(names) < 2 or not all(names):
        raise ValueError(f"a test needs two arms or more, each with a name: {names}")
    if shares is None:
        return {name: 1 / len(names) for name in names}
    if sorted(shares) != names:
        raise ValueError(f"shares are of the arms {sorted(shares)}; expected one for each of {names}")
    if not all(isfinite(share) and share >= 0 for share in shares.values()) or not isclose(sum(shares.values()), 1):
        raise ValueError(f"shares must be 0 or more and add up to 1; they are {dict(shares)}")
    return {name: shares[name] for name in names}
