"""Offline evaluation of lists. Pure functions over numpy, scipy and polars; no Spark.

problems/        what a method learns from and must find: public sets, and splits of a run by time
methods/         what is compared: baselines, and Daybreak itself
metrics/         metrics of ranked lists and of probabilities, and bootstrap intervals
tuning/          the search for settings
harness          fits methods, ranks all items for all users and measures the lists
slices           kinds of items and of users that are measured apart
ranker_metrics   metrics of the ranker on held-out days
figures          results as tables and JSON
published        published figures of public sets
"""
