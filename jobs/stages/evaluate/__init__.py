"""Stage `evaluate`."""
