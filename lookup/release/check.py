"""The check of every byte of a release that is open: in the background, a slice at a time, once a release and host.

Opening trusts what the files hold, because reading all of them takes too long. The check reads them afterwards. What it
finds is remembered beside the inode, the size and the times of every file, in the user's cache (`~/.cache/daybreak`, or
the folder that DAYBREAK_CACHE names), so that other processes need not read them again. Where there is no such folder,
or DAYBREAK_CACHE is empty, each process reads for itself. A file that changes is checked anew.
"""

import errno
import fcntl
import json
import math
import os
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from lookup.errors import ReleaseError
from lookup.flock import locked
from lookup.release import manifest
from lookup.release.manifest import Manifest
from lookup.release.shards.routing import ALL, Served, needed

CACHE = "DAYBREAK_CACHE"
"""The environment variable with the folder of what was found."""
SLICE = 1 << 18
CHANGE_SECONDS = 1.0
"""How often the files are looked at after the check, whether one of them changed."""
TRIES = 3
"""How often the whole check is tried at once, where files change meanwhile."""
OTHER_SECONDS = 600.0
"""How long a process waits for the check of another one."""
KEPT_SECONDS = 90 * 86_400.0
"""What was found so long ago is forgotten."""
ANSWERS = "arrays/"
"""Only what is below this folder may make answers wrong: the Annoy index is not used until it is checked."""

Damage = dict[str, str]
"""What is wrong with files of a release, by their names; empty for a release that is whole."""

_known: dict[str, Damage] = {}
"""What this process has found, by the seal."""


class DamagedError(ReleaseError):
    """The check found that answers from this release may be wrong."""


def seal(release: Path, names: Iterable[str]) -> str:
    """A digest of what changes with the files of a release: inode, size and times. names: of the files.

    Raises OSError when one of them is missing.
    """
    folder = os.path.realpath(release)
    lines = [folder]
    for name in sorted({*names, manifest.FILE}):
        stat = os.lstat(f"{folder}/{name}")
        lines.append(f"{name} {stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}")
    return sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def known(sealed: str) -> Damage | None:
    """What a check on this host found of a release, by its seal; None where nobody has checked it."""
    found = _known.get(sealed)
    cache = _cache()
    if found is None and cache is not None:
        with suppress(OSError, ValueError):
            said = json.loads((cache / sealed).read_text(encoding="utf-8"))
            if isinstance(said, dict) and all(isinstance(why, str) for why in said.values()):
                found = _known[sealed] = said
    return found


def remember(sealed: str, damage: Damage) -> None:
    """Keep what a check found, for this process and where possible for the others of this user and host."""
    _known[sealed] = damage
    cache = _cache()
    if cache is None:
        return
    with suppress(OSError):
        (cache / sealed).write_text(json.dumps(damage), encoding="utf-8")
        _forget_old(cache)


def harm(damage: Damage) -> str | None:
    """What is wrong with a file that calls answer from; None where no such file is damaged."""
    return next((why for name, why in damage.items() if name.startswith(ANSWERS)), None)


class Check:
    """The check of one release. One thread at a time may call it; a forked child starts it anew.

    release: its folder. facts: its manifest, as it was opened. served: of which only files are checked that this host
    needs.
    """

    def __init__(self, release: Path, facts: Manifest, served: Served = ALL):
        self.release, self._served, self._files = release, served, needed(facts.files, served)
        self.damage: Damage = {}
        """What is wrong, as far as the files were read."""
        self.ever: set[str] = set()
        """The files in which there was ever damage: who mapped one then may map it still, though it was replaced."""
        self.unread: str | None = None
        """Why the files cannot be read; None when they can."""
        self.done = False
        """Whether all files as they are now are checked."""
        self._sealed = ""
        self._process = os.getpid()
        self._work: Iterator[None] | None = None
        self._claim: weakref.finalize[[int], Check] | None = None
        self._wait_until = time.monotonic() + OTHER_SECONDS
        self._look_at = 0.0

    @property
    def problem(self) -> str | None:
        """What is wrong, in words; None when nothing is."""
        return next(iter(self.damage.values()), self.unread)

    def step(self, seconds: float) -> None:
        """Read for about so long."""
        until = time.monotonic() + seconds
        if os.getpid() != self._process:  # a fork copied this object, perhaps in the middle of a step
            self._process = os.getpid()
            self._begin_anew()
        if time.monotonic() < self._look_at:
            return
        try:
            if self.done:
                self._look_at = time.monotonic() + CHANGE_SECONDS
                if seal(self.release, self._files) == self._sealed:
                    return
                self._begin_anew()
            if self._work is None and not self._begin():
                return
            for _ in self._work or ():
                if time.monotonic() > until:
                    return
            self._end()
        except (OSError, ReleaseError) as error:
            self._begin_anew()
            self.unread = str(error) if isinstance(error, ReleaseError) else f"{self.release}: not checked: {error}"
            self._look_at = time.monotonic() + CHANGE_SECONDS

    def finish(self) -> None:
        """Read all that is left, now. Raises ReleaseError when the files cannot be read, or change all the while."""
        self._wait_until = 0.0
        for _ in range(TRIES):
            self._look_at = 0.0
            self.step(math.inf)
            if self.done:
                return
        raise ReleaseError(self.unread or f"{self.release}: its files change while they are checked")

    def stop(self) -> None:
        """Close the file that is being read: the object and its work know each other, and would keep it for a while."""
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.done, self._work, self.damage = False, None, {}
        self._release_claim()

    def _begin(self) -> bool:
        """Whether there is something to read for this process."""
        facts = manifest.read(self.release)
        self._files = needed(facts.files, self._served)  # `validate` may have written another report since
        self._sealed = seal(self.release, self._files)
        for name, fact in self._files.items():
            size = (self.release / name).lstat().st_size
            if size != fact.bytes:
                self._found(name, f"{size} bytes found, {fact.bytes} expected by the manifest")
        mine = self._claimed() or time.monotonic() > self._wait_until
        found = known(self._sealed)
        if found is not None:
            self.damage, self.ever, self.unread, self.done = found, self.ever | set(found), None, True
            self._release_claim()
            return False
        self._work = self._read() if mine else None
        return mine

    def _read(self) -> Iterator[None]:
        """Read every file; yields after each slice."""
        buffer = memoryview(bytearray(SLICE))
        first = sorted(self._files, key=lambda name: (not name.startswith(ANSWERS), self._files[name].bytes))
        for name in first:
            hashed, place = sha256(), 0
            handle = os.open(self.release / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                # From a place, not from where the last read ended: a forked child shares that.
                while read := os.preadv(handle, [buffer], place):
                    hashed.update(buffer[:read])
                    place += read
                    yield
            except OSError as error:
                if error.errno != errno.EIO:  # the disk cannot read it, so a call that needs it would end the process
                    raise
                self._found(name, f"cannot be read: {error.strerror}")
                continue
            finally:
                os.close(handle)
            fact = self._files[name]
            # Twice, because nothing may look damaged that is not.
            if hashed.hexdigest() != fact.sha256 and (found := manifest.digest(self.release / name)) != fact.sha256:
                self._found(name, fact.damaged(found))

    def _found(self, name: str, what: str) -> None:
        self.damage[name] = f"{self.release / name}: {what}"
        self.ever.add(name)

    def _end(self) -> None:
        self._work = None
        if seal(self.release, self._files) != self._sealed:
            self._begin_anew()  # a file changed meanwhile
            return
        remember(self._sealed, self.damage)
        self.unread, self.done, self._look_at = None, True, time.monotonic() + CHANGE_SECONDS
        self._release_claim()

    def _claimed(self) -> bool:
        """Whether no other process of this host checks the release now; if so, others wait for this one."""
        cache = _cache()
        if cache is None or self._claim is not None:
            return True
        try:
            handle = os.open(cache / self._sealed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return True
        self._claim = weakref.finalize(self, os.close, handle)
        with suppress(OSError):
            if not locked(handle, fcntl.LOCK_EX):
                self._release_claim()
                return False
        return True

    def _release_claim(self) -> None:
        if self._claim is not None:
            self._claim()
            self._claim = None


def _cache() -> Path | None:
    """The folder of what was found, of this user and for nobody else; None where there can be none."""
    base = os.environ.get(CACHE)
    try:
        cache = (Path(base) if base is not None else Path.home() / ".cache" / "daybreak") / "checked"
        if base == "":
            return None
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = cache.stat()
    except (OSError, RuntimeError):
        return None
    return cache if mine.st_uid == os.geteuid() and not mine.st_mode & 0o022 else None


def _forget_old(cache: Path) -> None:
    for old in cache.iterdir():
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                old.unlink()
