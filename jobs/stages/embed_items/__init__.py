"""Stage `embed_items`."""
