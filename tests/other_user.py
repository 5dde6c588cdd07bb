"""What another user of the machine can do, tried by one: only root can become another user."""

import os
import traceback
from collections.abc import Callable

import pytest

NOBODY = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_nobody(action: Callable[[], object], *groups: int) -> str:
    """Call a function in a child that is `nobody`, a member of some groups; returns what it returned or raised."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(list(groups))
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            told = str(action())
        except BaseException as error:
            told = "".join(traceback.format_exception_only(error))
        os.write(write, told.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def readable(folder: os.PathLike[str]) -> list[str]:
    """The files below a folder that this user can open."""
    found = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            try:
                with open(path, "rb"):
                    found.append(os.path.relpath(path, folder))
            except OSError:
                pass
    return sorted(found)


def open_to_others(folder: os.PathLike[str]) -> list[str]:
    """The files below a folder that its modes let others read, those of the folders on the way among them."""
    found = []
    if os.stat(folder).st_mode & 0o001:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                found += open_to_others(entry)
            elif entry.stat(follow_symlinks=False).st_mode & 0o004:
                found.append(entry.path)
    return found
