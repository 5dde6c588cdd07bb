"""Models like BERT: their weights, their tokens and what they compute, for whatever computes them faster than torch."""
