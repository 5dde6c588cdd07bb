"""What is measured beside each other: baselines and Daybreak."""
