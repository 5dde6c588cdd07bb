"""Stage `validate`."""
