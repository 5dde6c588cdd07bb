"""The search index of a run: where `index_search` writes it, and `build` takes it from."""

FOLDER = "search"
"""A folder of the run, as `jobs.infra.runs` knows it."""
FILE = "search.safetensors"
"""In that folder: the arrays of `lookup.search.stated`."""
QUERIES, DAYS = "queries.parquet", "query_log.parquet"
"""Beside it, for the catalog: what was searched for, and the numbers of each day."""
