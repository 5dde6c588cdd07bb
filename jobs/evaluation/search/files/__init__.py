"""The files that `daybreak evaluate-search` reads: products, judgements and a query log."""
