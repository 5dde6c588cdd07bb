"""Metrics of ranked lists and of probabilities, and their bootstrap intervals."""
