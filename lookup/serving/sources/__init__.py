"""Retrieval sources: each gives ranked items for a request, and calls combine them in order.

A source is a `lookup.serving.request.Source`. To add one, name and document it in `lookup.serving.hit`, make it in a
module here, ask for it in `lookup.shop`, and add a call to `tests/lookup/serving/test_sources.py` that gives it. The
recipe in `lookup/README.md` has the steps.
"""
