"""Stage `train`: the behaviour model of a night."""
