"""The static query encoder of a release: distilled from the transformer on a shop's own words, pruned, quantised."""
