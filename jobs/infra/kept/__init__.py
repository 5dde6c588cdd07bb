"""Vectors of texts and pictures that outlive their night: what a model has read once, it does not read again."""
