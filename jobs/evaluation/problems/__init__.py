"""What is to be predicted, of whom, from what."""
