"""A query log beside a table of products: what was searched, and what was clicked."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import DataError
from jobs.evaluation.search.files.products import needed, read_table

QUERY = ("query", "text")


@dataclass(frozen=True)
class SearchedLog:
    """How often each query was searched, and each product clicked after it."""

    queries: Counter[str]
    clicks: Counter[tuple[str, str]]
    """Query and product_id."""

    @classmethod
    def empty(cls) -> "SearchedLog":
        """Of a shop without one."""
        return cls(Counter(), Counter())


def read_query_log(path: Path) -> SearchedLog:
    """Read a table with a column `query` (or `text`), one row a search or a click, and where there are clicks
    `product_id`, empty for a search without one.

    Raises DataError, naming the file, for a missing column and a row without a query.
    """
    table = read_table(path)
    name = next((one for one in QUERY if one in table.columns), QUERY[0])
    needed(table, path, name)
    made = SearchedLog.empty()
    items = table["product_id"].to_list() if "product_id" in table.columns else [None] * len(table)
    for line, (query, item) in enumerate(zip(table[name].to_list(), items, strict=True), 1):
        text = "" if query is None else " ".join(str(query).split())
        if not text:
            raise DataError(f"{path}, row {line}: no query")
        made.queries[text] += 1
        if item is not None and str(item):
            made.clicks[text, str(item)] += 1
    return made
