"""A driver and its executors: their tasks, their errors told in a sentence, and rows that one of them lacks."""
