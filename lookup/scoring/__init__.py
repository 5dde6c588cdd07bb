"""What a score is made of, in numpy: the same functions by night and by day."""
