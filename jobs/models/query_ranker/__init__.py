"""The weights of the query ranker (`lookup.search.ranker`), learned from judgements or clicks."""
