"""What the rows of a shop mean: rows of one item, returns, guests, types without a weight, articles of service."""
