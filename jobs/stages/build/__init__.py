"""Stage `build`."""
