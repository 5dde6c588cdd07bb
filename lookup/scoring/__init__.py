"""Scoring: what a score is made of, in numpy. The night and the day call the same functions."""
