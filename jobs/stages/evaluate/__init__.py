"""Stage `evaluate`: the lists on held-out days, beside those of the incumbent and of the baselines."""
