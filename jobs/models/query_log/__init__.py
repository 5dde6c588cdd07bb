"""What a night learns from the query log, pure polars and numpy: from rows of table `searches` to what models need.

typed            the text of one row: decoded, and whether a person typed it
log              rows to searches, each once, without programs and unfinished words
lessons          queries, clicks, reformulations, the numbers of each day
positions        how likely people look at each position
languages        the languages of a catalogue
"""
