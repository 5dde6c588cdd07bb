"""What a machine has, and what a job takes of it."""
