"""Stage `index_search`."""
