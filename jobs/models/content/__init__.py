"""Vectors of texts, and the space that joins them with behaviour."""
