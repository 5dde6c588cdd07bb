"""What every stage stands on: Spark session, logging, the store of runs, tables, blocks, files."""
