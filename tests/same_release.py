"""Whether two releases hold the same: `python -m tests.same_release FOLDER/RELEASE FOLDER/RELEASE`.

Compares every array by its values and every table of the catalog by its rows; ids, times and seconds may differ. Exits
with 1 where something else does. For showing that a change of the code leaves a night as it was.
"""

import sys
from pathlib import Path

import duckdb
import numpy as np

APART = {"main.manifest"}
"""Tables that name the release and its times."""
MEASURED = {"item_sketch.npy", "query_sketch.npy"}
"""Arrays as wide as the build found quickest on its machine; of one width they are equal too."""


def differences(first: Path, second: Path) -> list[str]:
    """What differs between two releases, a line each."""
    names = [{path.name for path in (folder / "arrays").glob("*.npy")} for folder in (first, second)]
    found = [f"array {name}: only one has it" for name in sorted(names[0] ^ names[1])]
    for name in sorted(names[0] & names[1]):
        one, other = (np.load(folder / "arrays" / name, mmap_mode="r") for folder in (first, second))
        if name in MEASURED and one.shape[1] != other.shape[1]:
            print(f"array {name}: the builds chose {one.shape[1]} and {other.shape[1]} dimensions by their timings")
        elif one.dtype != other.dtype or one.shape != other.shape:
            found.append(f"array {name}: {one.dtype} {one.shape}, {other.dtype} {other.shape}")
        elif not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            off = int((~np.isclose(one, other, rtol=0, atol=0, equal_nan=True)).sum())
            found.append(f"array {name}: {off} of {one.size} values differ")
    with duckdb.connect() as db:
        for alias, folder in (("a", first), ("b", second)):
            path = str(folder / "catalog.duckdb").replace("'", "''")
            db.execute(f"ATTACH '{path}' AS {alias} (READ_ONLY)")
        rows = "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL"
        tables, others = ({name for (name,) in db.execute(rows, [alias]).fetchall()} for alias in ("a", "b"))
        found += [f"table {name}: only one has it" for name in sorted(tables ^ others)]
        for name in sorted((tables & others) - APART):
            counts = [
                db.sql(f"SELECT count(*) FROM (FROM {x}.{name} EXCEPT ALL FROM {y}.{name})").fetchall()[0][0]
                for x, y in (("a", "b"), ("b", "a"))
            ]
            if any(counts):
                found.append(f"table {name}: {counts[0]} rows only in the first, {counts[1]} only in the second")
    return found


if __name__ == "__main__":
    folders = [Path(name) for name in sys.argv[1:]]
    lines = differences(*folders)
    arrays = len(list((folders[0] / "arrays").glob("*.npy")))
    print("\n".join(lines) or f"the same: {arrays} arrays and every table")
    sys.exit(bool(lines))
