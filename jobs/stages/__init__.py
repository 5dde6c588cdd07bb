"""The stages of the night; each has `job.py` (read, call, write). A stage never imports a sibling."""
