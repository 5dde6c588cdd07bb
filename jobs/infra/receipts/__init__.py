"""What a job took: the one statement of it, and how it is measured."""
