"""Searches as shops ask for them: filtered by what is true now, counted, sorted, paged, and never empty-handed."""
