"""The day: a small library that serves a release inside a web backend, in microseconds.

import lookup
shop = lookup.open("releases")
hits = shop.recommend("900", k=10)
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from lookup.errors import ConditionError, DaybreakError, LogError, PatchError, ReleaseError, ShardError
from lookup.experiments.exposures import ExposureLog
from lookup.release.manifest import Manifest
from lookup.release.reader import Release
from lookup.release.shards.routing import shard_of
from lookup.scoring.user_encoder import UserEncoder
from lookup.serving.hit import Hit
from lookup.serving.limits.diversity import MMR, Cap
from lookup.serving.limits.filters import brand, category, feature, group, in_stock, price
from lookup.shop import Shop
from lookup.shop import open_shop as open

if _TYPE_CHECKING:
    from lookup.scoring.explain import Explanation
    from lookup.serving.search.explain import SearchExplanation
    from lookup.serving.search.result import Facets, SearchResult
    from lookup.serving.search.suggest import Suggested

__all__ = [
    "MMR",
    "Cap",
    "ConditionError",
    "DaybreakError",
    "Explanation",
    "ExposureLog",
    "Facets",
    "Hit",
    "LogError",
    "Manifest",
    "PatchError",
    "Release",
    "ReleaseError",
    "SearchExplanation",
    "SearchResult",
    "ShardError",
    "Shop",
    "Suggested",
    "UserEncoder",
    "brand",
    "category",
    "feature",
    "group",
    "in_stock",
    "open",
    "price",
    "shard_of",
]

_LATE = {
    "Explanation": "lookup.scoring.explain",
    "Facets": "lookup.serving.search.result",
    "SearchExplanation": "lookup.serving.search.explain",
    "SearchResult": "lookup.serving.search.result",
    "Suggested": "lookup.serving.search.suggest",
}
"""Names that load when they are first asked for, and their modules."""


def __getattr__(name: str) -> _Any:
    """Names that load late, and names of earlier versions, which still work and warn."""
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    if name == "Encoder":
        import warnings

        warnings.warn("lookup.Encoder is now called lookup.UserEncoder", DeprecationWarning, stacklevel=2)
        return UserEncoder
    raise AttributeError(f"module 'lookup' has no attribute {name!r}")
