"""Patches: what changed after a release was built, the patch log, and its stores in SQLite and Redis."""
