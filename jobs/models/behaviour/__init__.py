"""The behaviour model, in torch: network, batches, fit, warm start and the model on disk."""
