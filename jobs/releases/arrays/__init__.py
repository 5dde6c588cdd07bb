"""The arrays of a release from the tables of a run: one writer for all, and the users' arrays, whole or by shards."""
