"""Text vectors, the space that joins them with behaviour, and text parts of new items."""
