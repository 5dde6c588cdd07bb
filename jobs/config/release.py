"""The sections of the configuration that say what a release holds, what it must pass, and what machines cost."""

from dataclasses import field, replace
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from jobs.config.bounds import EXPECTED, TABLE, Count, Days, Duration, Expected, Length, Share, Within
from jobs.infra.receipts.used import JobUse
from lookup.release.manifest_rules import MOST_SHARDS

Price = Annotated[float, Within(0, 1_000_000, noun="a price, a number")]
Cores = Annotated[float, Within(0, 100_000, above=True, noun="cores, a number")]
Currency = Annotated[
    str,
    Field(pattern=r"\A[\p{L}\p{Sc}]{1,8}\z"),
    Expected('a name or a sign of at most 8 letters, such as "EUR" or "€"'),
]
HOUR = 3600.0
GIB = 1024
"""MiB."""
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
    """`[build]`: how the best items for the vector of a session are found by day, and in how many shards users lie."""

    annoy_trees: Annotated[int, Within(1, 10_000)] = 30
    """Trees of the Annoy index: more find more, and take more memory."""
    recall: Share = 0.98
    """Share of the exact first 20 items that the search must find; the quickest method that does is taken."""
    shards: Annotated[int, Within(1, MOST_SHARDS)] = 1
    """Parts that the users are divided into, for shops with more users than one host holds: a host then maps, and
    fetches, only those that it serves. 1: the users are in one piece."""


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


@dataclass(frozen=True, config=TABLE)
class CostsConfig:
    """`[costs]`: prices. Without one, no money is shown anywhere; with some, the others count nothing."""

    currency: Currency | None = None
    """Of all prices, for people: "EUR", "$"."""
    core_hour: Price | None = None
    """Of a core for an hour, while a job holds it, busy or not."""
    gib_hour: Price | None = None
    """Of a GiB of memory for an hour. A job pays for the most that its processes took at one time."""
    gpu_hour: Price | None = None
    """Of a GPU for an hour, while functions of Daybreak ran with it."""
    gb_month: Price | None = None
    """Of a GB (10⁹ bytes) of storage for a month."""
    gb_sent: Price | None = None
    """Of a GB (10⁹ bytes) sent to a host that serves."""
    cores: Cores | None = None
    """The cores that a night holds on the driver's machine; by default all that it may use there. It may hold fewer
    of a machine that others use, too."""

    @property
    def priced(self) -> bool:
        """Whether there is a price of anything."""
        return any(one is not None for one in (*self._of_jobs, self.gb_month, self.gb_sent))

    @property
    def _of_jobs(self) -> tuple[float | None, ...]:
        return (self.core_hour, self.gib_hour, self.gpu_hour)

    def of_job(self, used: JobUse, seconds: float) -> float | None:
        """The money of a job, with the start of the program before it; None where no price concerns jobs. seconds: of
        the job, wall time."""
        if all(price is None for price in self._of_jobs):
            return None
        hours = (seconds + used.start_seconds) / HOUR
        held = (hours * used.cores, hours * used.memory_mib / GIB, used.device_seconds / HOUR)
        return sum(amount * (price or 0.0) for amount, price in zip(held, self._of_jobs, strict=True))

    def with_money(self, used: JobUse, seconds: float) -> JobUse:
        """What a job took, with its money; the same where no price concerns jobs."""
        money = self.of_job(used, seconds)
        return used if money is None else replace(used, money=round(money, 6), currency=self.currency)
