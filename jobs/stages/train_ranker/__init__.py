"""Stage `train_ranker`."""
