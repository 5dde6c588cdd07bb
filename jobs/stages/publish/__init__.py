"""Stage `publish`."""
