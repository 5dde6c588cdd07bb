"""Who may read and change the releases: nobody changes one that is built, and `[shop] readers` may read them.

The folder of releases decides who reads: Daybreak makes it for its own user alone, or for that user and the group
`readers`. Inside, a release is open to all who get there, but read-only.
"""

import grp
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.config.config import Config
from jobs.errors import ConfigError
from lookup.file_modes import OPEN_FOLDER, private_mode, readers_mode, seal
from lookup.patches.patch_log import FILE
from lookup.release.history import HISTORY
from lookup.release.pointer import CURRENT


def make_releases_folder(config: Config) -> None:
    """Make the folder of releases where there is none, and let the group `[shop] readers` in where one is declared.

    Where the patch log is in the folder, the group may make files there, because SQLite does; it can neither remove nor
    replace those of others.

    Raises ConfigError where there is no such group, or this user is no member of it.
    """
    folder = config.releases
    folder.mkdir(parents=True, exist_ok=True)
    if config.shop.readers is None:
        return
    group = _group(config.shop.readers)
    _hand_over(folder, group, 0o3770 if config.shop.patches is None else 0o2750)
    for name in (CURRENT, HISTORY):
        _hand_over(folder / name, group, readers_mode(folder))
    for path in folder.glob(f"{FILE}*"):
        _hand_over(path, group, private_mode(folder))


@contextmanager
def unsealed(release: Path) -> Iterator[None]:
    """Let the owner of a release replace files at its top while the block runs."""
    release.chmod(OPEN_FOLDER)
    try:
        yield
    finally:
        seal(release)


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(
            f"shop.readers = {name!r}: this machine has no such group; `groupadd {name}` makes it"
        ) from None


def _hand_over(path: Path, group: int, mode: int) -> None:
    """Give a file or a folder to a group; one that has the group and the mode already stays as it is."""
    try:
        now = path.stat()
        if (now.st_gid, stat.S_IMODE(now.st_mode)) != (group, mode):
            os.chown(path, -1, group)
            path.chmod(mode)
    except FileNotFoundError:
        return
    except PermissionError:
        raise ConfigError(
            f"{path}: cannot be given to the group of shop.readers: this user must own it and be a member of the group"
        ) from None
