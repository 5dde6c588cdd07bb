"""Stage `topk`."""
