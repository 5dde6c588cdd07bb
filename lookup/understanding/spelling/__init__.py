"""Spelling: what a shopper meant to type, by a noisy channel over the shop's own words and queries."""
