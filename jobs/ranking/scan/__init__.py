"""Exact top-K on a CPU that sums products of int8: a compiled kernel, where it was built and can run."""
