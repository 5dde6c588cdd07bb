"""Repeats and discoveries as the two things they are: what a user takes again, what is new, and their mix.

A repeat (`own_items`, `mixture`) weighs how often and how long ago the user took the item, how due it is by the
intervals of user and item, and how often people take this item again. A discovery (`discovery`) is a sum over the
user's items, fitted on first purchases alone. Both are log odds, so they sort together, and how much of a list is new
is learned per user, from the own share of repeats.
"""
