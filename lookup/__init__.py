"""The day: a tiny library that serves a release inside a web backend, in microseconds.

import lookup
shop = lookup.open("releases")
hits = shop.recommend("900", k=10)
"""

from lookup.encoder import Encoder
from lookup.errors import DaybreakError, ReleaseError
from lookup.manifest import Manifest
from lookup.release import Release
from lookup.shop import Hit, Shop
from lookup.shop import open_shop as open
from lookup.where import brand, category, feature, in_stock, price

__all__ = [
    "DaybreakError",
    "Encoder",
    "Hit",
    "Manifest",
    "Release",
    "ReleaseError",
    "Shop",
    "brand",
    "category",
    "feature",
    "in_stock",
    "open",
    "price",
]
