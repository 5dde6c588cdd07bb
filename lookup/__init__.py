"""The day: a small library that serves a release inside a web backend, in microseconds.

import lookup
shop = lookup.open("releases")
hits = shop.recommend("900", k=10)
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from lookup.errors import ConditionError, DaybreakError, LogError, PatchError, ReleaseError
from lookup.experiments.exposures import ExposureLog
from lookup.release.manifest import Manifest
from lookup.release.reader import Release
from lookup.scoring.user_encoder import UserEncoder
from lookup.serving.diversity import MMR, Cap
from lookup.serving.filters import brand, category, feature, in_stock, price
from lookup.serving.hit import Hit
from lookup.shop import Shop
from lookup.shop import open_shop as open

if _TYPE_CHECKING:
    from lookup.scoring.explain import Explanation

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
    """Names that load late, and names of earlier versions, which still work and warn."""
    if name == "Explanation":
        from lookup.scoring.explain import Explanation

        return Explanation
    if name == "Encoder":
        import warnings

        warnings.warn("lookup.Encoder is now called lookup.UserEncoder", DeprecationWarning, stacklevel=2)
        return UserEncoder
    raise AttributeError(f"module 'lookup' has no attribute {name!r}")
