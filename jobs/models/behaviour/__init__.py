"""The behaviour model, in torch."""
