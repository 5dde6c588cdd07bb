"""Releases as the night handles them: pages, announcing, pruning."""
