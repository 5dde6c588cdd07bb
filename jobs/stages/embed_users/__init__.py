"""Stage `embed_users`."""
