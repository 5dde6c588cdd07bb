"""Commands that ask and patch a shop."""
