"""Users in shards: a release whose users are too many for one host stores them by ranges of their ids' hashes."""
