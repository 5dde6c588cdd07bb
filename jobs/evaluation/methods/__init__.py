"""Methods to compare: baselines and Daybreak."""
