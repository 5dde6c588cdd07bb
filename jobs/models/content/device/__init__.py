"""Text vectors on a GPU: texts in one row without padding, products in bfloat16, all else in a few Triton kernels."""
