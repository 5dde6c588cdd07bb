"""The day: a tiny library that serves a release inside a web backend, in microseconds.

import lookup
shop = lookup.open("releases")
hits = shop.recommend("900", k=10)
"""

from lookup.diversity import MMR, Cap
from lookup.encoder import Encoder
from lookup.errors import ConditionError, DaybreakError, LogError, PatchError, ReleaseError
from lookup.explain import Explanation
from lookup.fill import Hit
from lookup.manifest import Manifest
from lookup.release import Release
from lookup.shop import Shop
from lookup.shop import open_shop as open
from lookup.where import brand, category, feature, in_stock, price

__all__ = [
    "MMR",
    "Cap",
    "ConditionError",
    "DaybreakError",
    "Encoder",
    "Explanation",
    "Hit",
    "LogError",
    "Manifest",
    "PatchError",
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
