"""The inverted index by night: that of `lookup.retrieval.lexical` over all items, and what only a night finds out."""
