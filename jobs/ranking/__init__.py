"""Ranking: exact top-K, the score terms of histories, and the choice of an index. No Spark."""
