"""The sections of the configuration that say what a release holds, and what it must pass."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import field_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from jobs.config.bounds import EXPECTED, TABLE, Count, Days, Duration, Length, Share, Within

KNOWN_FIELDS = ("title", "description", "category", "brand", "price", "image")
"""Fields of the items of which a share can be known."""


@dataclass(frozen=True, config=TABLE)
class UsersConfig:
    """`[users]`: who is active, and so gets a precomputed list."""

    active_days: Days = 90
    """With an event in the last so many days …"""
    min_events: Count = 3
    """… and at least so many events in all."""


@dataclass(frozen=True, config=TABLE)
class TopKConfig:
    """`[topk]`: the lists."""

    k: Length = 100
    """How many items of a user's list are meant to be shown."""
    spare: Annotated[int, Within(0, 10_000)] = 20
    """So many more places each list of a user has, for what the day takes away: items that are sold out, hidden or not
    asked for."""
    similar: Length = 50
    """Length of an item's list of similar items."""
    popular: Length = 200
    """Length of a popular list."""
    popular_half_life_days: Duration = 14.0
    """An event counts half in the popular lists after so many days."""
    bought: Literal["include", "exclude", "separate"] = "include"
    """Items that a user bought or viewed: "include" in the list, "exclude", or "separate": excluded, and offered as buy
    again."""
    again: Length = 50
    """Length of the buy-again list, where bought = "separate"."""
    because: Length = 20
    """For so many of a user's first items, table `because` names the item of the history that gives most to the
    score."""
    user_block: Count = 512
    """Users scored together; with `item_block` it bounds a task's memory."""
    item_block: Count = 4096
    """Items that a block of users is scored against at a time."""

    @property
    def places(self) -> int:
        """The length of a user's lists."""
        return self.k + self.spare


@dataclass(frozen=True, config=TABLE)
class BuildConfig:
    """`[build]`: how the best items for the vector of a session are found by day."""

    annoy_trees: Annotated[int, Within(1, 10_000)] = 30
    """Trees of the Annoy index: more find more, and take more memory."""
    recall: Share = 0.98
    """Share of the exact first 20 items that the search must find; the quickest method that does is taken."""


@dataclass(frozen=True, config=TABLE)
class ValidateConfig:
    """`[validate]`: what a release must pass before it is published."""

    min_recall: Share = 0.95
    """Recall@20 of the search that the build chose against an exact scan, over a sample of users."""
    min_user_coverage: Share = 0.99
    """Share of active users with a full list."""
    sample_users: Count = 100_000
    """The run's table `evaluation`, by which releases are compared, holds at most so many users."""
    max_loss: Share = 0.005
    """The gate passes a proven loss of NDCG@20 against the incumbent, in any slice, up to this share of it."""
    false_alarms: Annotated[float, Within(0, 1, above=True, below=True, noun="a share")] = 0.01
    """Share of the nights in which the gate may hold an equally good release; it sets the level of the intervals."""
    min_day_events: Share = 0.1
    """The last day must have at least this share of the events that are usual on its weekday. Fewer hold the release
    only where such days never have so few; on a shop's first night they are a warning."""
    max_shrink: Share = 0.3
    """Items, users, events, and what of them can be shown, may be fewer than in the incumbent by at most this
    share …"""
    max_unknown: Share = 0.1
    """… and so may the items whose title, price, category, image or declared feature is known, where their share of all
    items falls by more than this, too."""
    min_shown_items: Share = 0.01
    """Share of the items that can be shown: in stock and not hidden."""
    min_shown_lists: Share = 0.9
    """Share of the users' lists with an item that can be shown."""
    min_known: dict[str, Share] = field(default_factory=lambda: {"title": 0.5, "price": 0.1})
    """`[validate.min_known]`: field = the share of the items that must have it, where `[items]` names it. A price of 0
    is unknown."""

    @field_validator("min_known")
    @classmethod
    def _fields_of_items(cls, known: dict[str, float]) -> dict[str, float]:
        if not set(known) <= set(KNOWN_FIELDS):
            raise PydanticCustomError(
                EXPECTED, "a table of shares by field: {fields}", {"fields": ", ".join(KNOWN_FIELDS)}
            )
        return known
