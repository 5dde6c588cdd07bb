"""The Spark layer of this stage."""
