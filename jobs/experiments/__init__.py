"""Comparing the arms of an A/B test."""
