"""The ground of all stages: Spark session, logging, the store of runs, tables, blocks, files."""
