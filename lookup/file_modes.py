"""Who may read the files that Daybreak writes. The folder says it: a file is never more open than the folder it is in.

A folder that belongs to a group of readers has the bit that hands the group on to new files (`chmod g+s`). What holds
ids of users is for the owner and that group alone, whatever the folder allows others.
"""

import os
import stat
from pathlib import Path


def readers_mode(folder: Path) -> int:
    """The mode of a file without ids of users that everybody reads who can read its folder, such as CURRENT."""
    return stat.S_IMODE(folder.stat().st_mode) & 0o644


def private_mode(folder: Path) -> int:
    """The mode of a file with ids of users: for its owner, and for the readers' group as far as the folder is."""
    mode = folder.stat().st_mode
    return 0o600 | (mode & 0o060 if mode & stat.S_ISGID else 0)


def private_opener(path: str, flags: int) -> int:
    """For `open(…, opener=private_opener)`: a file that this call creates gets its `private_mode`."""
    try:
        return os.open(path, flags & ~os.O_CREAT)
    except FileNotFoundError:
        handle = os.open(path, flags, 0o600)
        if flags & os.O_CREAT:
            os.fchmod(handle, private_mode(Path(path).parent))
        return handle
