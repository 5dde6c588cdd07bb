"""The models that Daybreak learns. Pure functions over numpy, scipy and torch; no Spark.

behaviour/          item vectors and the fading of events, from users' histories
item_transitions    which items come next after which
content/            text vectors, and the space that joins them with behaviour
ranker/             probabilities of clicks and conversions
query_log/          searches from the rows of a log, and what they teach
attributes          the attributes of items that have vectors of their own
user_vectors        vectors and history shares of many users at once
"""
