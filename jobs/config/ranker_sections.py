"""The part of the configuration that is about what was shown, and what is learned from it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class VisitsConfig:
    """`[impressions.visits]`: who was where, and when, for impressions of a place."""

    files: str | list[str]
    user_id: str
    place: str
    time: str
    time_format: str | None = None


@dataclass(frozen=True)
class ImpressionsConfig:
    """`[[impressions]]`: what was shown to whom; several tables may stand side by side. Without any there is no ranker.

    Either a row names the user who was shown the item, or the place where everybody was shown it who came by.
    """

    files: str | list[str]
    item_id: str
    time: str
    """When it was shown; of a place: from when on."""
    time_format: str | None = None
    """As of events."""
    user_id: str | None = None
    place: str | None = None
    """A store, a page, a mailing: whatever `visits` names too."""
    days: float = 1.0
    """For how long a place shows it; it must not show an item twice at a time."""
    visits: VisitsConfig | None = None
    kind: str = "'shown'"
    """A column, or a quoted constant: how it was shown."""
    price: str | None = None
    """At which it was shown; by default that of the last purchases of anybody before."""
    in_stock: str | None = None
    """Whether it could be had."""


@dataclass(frozen=True)
class RankerConfig:
    """`[ranker]`: what is learned from impressions."""

    days: int = 28
    """Of the last so many days before the night, less those that the behaviour model has seen: its scores of days that
    it was fitted to are too good to learn from."""
    measured_days: int = 4
    """The last of them are not learned from: on them it is measured."""
    window_days: float = 1.0
    """What happens within so many days of an impression, it gets the credit for."""
    purchases: list[str] = field(default_factory=lambda: ["purchase"])
    """Event types that are a conversion …"""
    clicks: list[str] = field(default_factory=lambda: ["click", "view", "cart"])
    """… and those that are a click; a conversion is one too."""
    engagement: str = "item"
    """Whose clicks count: "item": those on the item shown; "category": purchases of anything of its narrowest category,
    a stand-in for shops that see purchases alone."""
    sample: int = 150_000
    """At most about so many impressions each of those bought, of those clicked only, and of the others are used, with
    weights that stand for the rest."""
    price_days: int = 90
    """Of the last so many days: the usual price is their mean, discounts not taken off, and the price of an impression
    that names none is that of the last of them with a purchase."""
    hidden: int = 8
    """Hidden units of the network; a linear model is taken where that is as good. 0: always a linear one."""
    seed: int = 7
