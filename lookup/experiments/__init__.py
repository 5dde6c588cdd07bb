"""A/B tests: arms and what they showed."""
