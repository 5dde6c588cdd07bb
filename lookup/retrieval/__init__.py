"""From a vector to the rows of items: exact scan, projections, Annoy."""
