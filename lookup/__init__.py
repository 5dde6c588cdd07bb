"""The day: a small library that serves a release inside a web backend, in microseconds.

import lookup
shop = lookup.open("releases")
hits = shop.recommend("900", k=10)
"""

from typing import Any as _Any

from lookup.errors import ConditionError, DaybreakError, LogError, PatchError, ReleaseError
from lookup.experiments.exposures import ExposureLog
from lookup.release.manifest import Manifest
from lookup.release.reader import Release
from lookup.scoring.explain import Explanation
from lookup.scoring.user_encoder import UserEncoder
from lookup.serving.diversity import MMR, Cap
from lookup.serving.filters import brand, category, feature, in_stock, price
from lookup.serving.hit import Hit
from lookup.shop import Shop
from lookup.shop import open_shop as open

__all__ = [
    "MMR",
    "Cap",
    "ConditionError",
    "DaybreakError",
    "Explanation",
    "ExposureLog",
    "Hit",
    "LogError",
    "Manifest",
    "PatchError",
    "Release",
    "ReleaseError",
    "Shop",
    "UserEncoder",
    "brand",
    "category",
    "feature",
    "in_stock",
    "open",
    "price",
]


def __getattr__(name: str) -> _Any:
    """Names of earlier versions: they still work and warn."""
    if name == "Encoder":
        import warnings

        warnings.warn("lookup.Encoder is now called lookup.UserEncoder", DeprecationWarning, stacklevel=2)
        return UserEncoder
    raise AttributeError(f"module 'lookup' has no attribute {name!r}")
