"""A/B tests: the arms of a test, and the record of what each arm showed."""
