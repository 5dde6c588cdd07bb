"""How good lists are: problems, methods, metrics and figures. No Spark."""
