"""Judged queries: how well Daybreak and plain baselines answer them, over a table of products."""
