"""Repeats and discoveries as the two things they are: what a user takes again, what is new, and their mix."""
