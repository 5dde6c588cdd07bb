"""What is learned: pure functions and models, no Spark."""
