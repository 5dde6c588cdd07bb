"""Models that are learned in one shop and begin another: over texts alone, with no item, user or text of the first."""
