"""The format of a release, and its files: who reads, locks and follows them."""
