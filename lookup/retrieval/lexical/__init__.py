"""The inverted index: from terms to item rows, by BM25 over fields.

`counts` and `build` make its arrays, by night of all items and by day of added ones. `Lexicon` knows its terms,
`Postings` searches.
"""
