"""The search index of a release, built from what a shop has; without Spark."""
