"""Exact top-K, score terms, the choice of an index. No Spark."""
