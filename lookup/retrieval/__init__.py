"""Retrieval: from a vector to item rows, by an exact scan, by projections or by Annoy."""
