"""The ranker of clicks and conversions."""
