"""Tuning: the search for settings of a preset."""
