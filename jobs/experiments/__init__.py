"""Comparing the arms of an A/B test: records, attribution, statistics and the report. Pure, over DuckDB and numpy."""
