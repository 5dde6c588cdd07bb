"""The Spark layer of `train_ranker`: impressions, their outcomes and point-in-time facts."""
