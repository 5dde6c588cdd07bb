"""What is read of a shop's files: records, and columns by what they hold: texts, ids, times and numbers."""
