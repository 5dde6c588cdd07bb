"""Who may read the files that Daybreak writes. The folder says it: a file is never more open than the folder it is in.

A folder that belongs to a group of readers has the bit that hands the group on to new files (`chmod g+s`). What holds
ids of users is for the owner and that group alone, whatever the folder allows others. A release is read-only once it is
whole, for its owner too, and can be deleted all the same.
"""

import os
import shutil
import stat
from pathlib import Path

SEALED_FILE, SEALED_FOLDER, OPEN_FOLDER, OPEN_FILE = 0o444, 0o555, 0o755, 0o644


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


def seal(release: Path) -> None:
    """Make a release read-only, for its owner too."""
    for path in [*release.rglob("*"), release]:
        path.chmod(SEALED_FOLDER if path.is_dir() else SEALED_FILE)


def unseal(release: Path) -> None:
    """Let the owner of a release change all of it."""
    for path in [release, *release.rglob("*")]:
        path.chmod(OPEN_FOLDER if path.is_dir() else OPEN_FILE)


def delete_sealed(release: Path) -> None:
    """Delete a release, sealed or not, as far as that is possible; of a link, the link alone."""
    if release.is_symlink():
        release.unlink()
        return
    for folder, _, _ in os.walk(release):
        try:
            os.chmod(folder, OPEN_FOLDER)
        except OSError:
            continue  # of another user; what is in it stays
    shutil.rmtree(release, ignore_errors=True)
