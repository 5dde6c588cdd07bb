"""A DuckDB file that is only read: no statement writes anything, reads another file, or loads an extension.

DuckDB opens files for reading and writing by default, and lets one such process in at a time. A person who looks at a
catalog that way keeps others out. They read a copy.
"""

import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lookup.errors import ReleaseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LOG = logging.getLogger("lookup")
ONLY_READ: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",
    "lock_configuration": "true",
}
"""What no statement can change again. Without a folder for temporary files a query has the memory of the machine."""

REMEDY = "Whoever looks at a catalog opens it with `duckdb -readonly FILE`"


def held_by(path: Path) -> str | None:
    """Why a DuckDB file cannot be opened as it is: somebody has it open for writing, or wrote beside it; None if not.

    Raises duckdb.Error when it cannot be opened for another reason.
    """
    import duckdb  # a backend that serves does not load it

    if path.with_name(f"{path.name}.wal").exists():
        return "somebody writes into it"
    try:
        duckdb.connect(str(path), read_only=True, config=ONLY_READ).close()
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        found = re.search(r"PID (\d+)", str(error))
        return f"{f'process {found[1]}' if found else 'another process'} has it open for writing"
    return None


@contextmanager
def opened(path: Path) -> Iterator["DuckDBPyConnection"]:
    """Open a DuckDB file to read it. Where somebody has it open for writing, opens a copy and warns.

    Raises duckdb.Error as DuckDB does, ReleaseError when there is no room for a copy.
    """
    import duckdb

    why = held_by(path)
    if why is None:
        with duckdb.connect(str(path), read_only=True, config=ONLY_READ) as db:
            yield db
        return
    LOG.warning("%s: %s: a copy is read. %s", path, why, REMEDY)
    with tempfile.TemporaryDirectory(prefix="daybreak-") as folder:
        try:
            copy = shutil.copyfile(path, Path(folder) / path.name)
        except OSError as error:
            raise ReleaseError(f"{path}: {why}, and it cannot be copied: {error}. {REMEDY}") from None
        with duckdb.connect(str(copy), read_only=True, config=ONLY_READ) as db:
            yield db
