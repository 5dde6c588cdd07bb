"""Stage `ingest`: the files of the shop and the patch log become checked tables."""
