"""Commands that search a shop."""
