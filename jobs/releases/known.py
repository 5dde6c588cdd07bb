"""How much is known of the items of a night: of its catalog, and before that of its tables."""

from collections.abc import Iterable, Sequence

import duckdb

from lookup.release.catalog_schema import Column

NEVER_EMPTY = ("item_id", "in_stock", "events")
"""Columns of items that always have a value."""
GIVEN = {"VARCHAR": "trim({0}) != ''", "VARCHAR[]": "len({0}) > 0", "DOUBLE": "isfinite({0}) AND {0} > 0"}
"""By type: what holds for a known value. An empty text or list, and a price of 0, are unknown."""

FEATURE = "feature "
"""Before the name of a declared feature."""


def known_shares(
    db: duckdb.DuckDBPyConnection, items: str, columns: Sequence[Column], features: Iterable[str] = ()
) -> dict[str, float]:
    """The share of items with a known value, by column, and by feature as `feature NAME`; 0 where there is no item.

    items: the table, or another source that SQL reads. columns: of it; those that are never empty are left out.
    features: the names of declared features.
    """
    asked = [column for column in columns if column.name not in NEVER_EMPTY]
    tests = {one.name: GIVEN.get(one.type, "{0} IS NOT NULL").format(f'"{one.name}"') for one in asked}
    for name in features:
        quoted = name.replace("'", "''")
        tests[f"{FEATURE}{name}"] = f"len(map_extract(features, '{quoted}')) > 0"
    counted = ", ".join(f"coalesce(avg(coalesce({test}, false)::INT), 0)::DOUBLE" for test in tests.values())
    return dict(zip(tests, db.sql(f"SELECT {counted} FROM {items}").fetchall()[0], strict=True))
