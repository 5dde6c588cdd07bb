"""Words, by night and by day the same: normalised text, tokens, stems, units, and the terms of an index.

`Analyzer` is the one object that an index and a query use.
"""
