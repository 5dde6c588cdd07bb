"""A query's way through a release: understood, looked up by words and by meaning, and ranked; numpy alone.

It knows nothing of patches: `lookup.serving.search` gives it the items as they are now, and the night the items as they
were. So both rank alike.
"""

FILE = "arrays/search.safetensors"
"""Its place in a release. A release without it was built without search, or before there was one."""
