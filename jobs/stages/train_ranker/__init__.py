"""Stage `train_ranker`: the ranker of clicks and conversions of a night."""
