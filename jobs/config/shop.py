"""The sections of the configuration that say where a shop's data are, and which of their columns is which."""

from dataclasses import field
from typing import Literal

from pydantic import model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from jobs.config.bounds import EXPECTED, TABLE, Columns, Count, Duration, Files, Share, Store, Text, Truth, Work
from jobs.config.reading import Encoding, TimeFormat


@dataclass(frozen=True, config=TABLE)
class ShopConfig:
    """`[shop]`: the shop's name, and where Daybreak writes."""

    name: Text = "shop"
    """What a release calls the shop."""
    work: Work = "work"
    """Folder of runs and models, relative to the TOML file. On a cluster: a folder that every machine sees under this
    path, or a URL that its Spark reads and writes, such as `s3a://bucket/shop`, `hdfs://host/shop`, `abfss://…`."""
    local: Text = "work"
    """Where `work` is a URL: the driver's own folder for what it reads, relative to the TOML file."""
    releases: Text = "releases"
    """Folder of releases, relative to the TOML file."""
    store: Store | None = None
    """An object store to which `publish` uploads too: `s3://bucket/folder`, `gs://…`, `az://…`, `abfss://…`,
    `file:///…`.

    `daybreak fetch` brings releases from there to serving hosts. Credentials come from the environment, never from
    here.
    """
    readers: Text | None = None
    """The group that may read the releases and use the patch log there; by default the user of the night alone."""
    patches: Text | None = None
    """The patch log: a path relative to the TOML file, or `redis://…`; by default a file in `releases`."""
    password_env: Text | None = None
    """The environment variable with the password of a log in Redis, which then need not stand in `patches` …"""
    password_file: Text | None = None
    """… or the file with it, relative to the TOML file; its first line counts."""
    java_calls: Truth = False
    """Let expressions call Java by `reflect` and `java_method`, and so do all that the user of the night can do."""
    keep_runs: Count = 7
    """How many runs stay in `work` after a night."""
    keep_models: Count = 3
    """How many models stay in `work` after a night."""


@dataclass(frozen=True, config=TABLE)
class ItemsConfig:
    """`[items]`: the files of items, and which of their columns is which.

    A column is named as it stands in the file, or is a Spark SQL expression over the columns. The parts of a list are
    joined: by a space in texts, as a path in `category`.
    """

    files: Files
    """CSV, JSON or Parquet: a path relative to the TOML file, a glob, a folder, `package://python_package/path`, or a
    URL that Spark reads, such as `s3a://bucket/items/*.parquet`.

    Folders such as `day=2026-11-22` are columns. Hidden files and folders are passed over.
    """
    item_id: Text
    """The id, as events name it."""
    title: Columns | None = None
    """What a person calls the item; the text model reads it."""
    description: Columns | None = None
    """More text for the text model."""
    category: Columns | None = None
    """A column with a path (split at `category_separator`), or a list of columns, the widest first."""
    category_separator: Text = ">"
    """What separates the parts of a path in one column."""
    brand: Text | None = None
    """An attribute of the item."""
    price: Text | None = None
    """A number; its tenth among all prices is an attribute."""
    image: Text | None = None
    """A picture: an http(s) address, a path below `folder` of `[images]`, or the bytes of a JPEG, PNG or WebP.

    With it items have a look, made of their pictures as `[images]` says.
    """
    in_stock: Text | None = None
    """Yes or no; without it every item is in stock."""
    group: Text | None = None
    """The id that the variants of one thing share, such as the sizes of a shirt: lists show one of them.

    For a column with the parent of each variant, in which the parent itself has none: `coalesce(parent, id)`.
    """
    guess_groups: Truth = False
    """Take items with the same title, brand and narrowest category for variants, where `group` says nothing.

    Off by default: in three catalogues 20 to 80 % of such families were variants (jobs/stages/ingest/README.md).
    """
    updated: Text | None = None
    """The time since when the row holds: a newer patch wins over it. By default when the file was last modified.

    Several rows of one item are merged: of each field the last known value by this time counts.
    """
    where: Text | None = None
    """A condition (Spark SQL) that rows must meet; the others are left out, and so are the events of their items."""
    encoding: Encoding | None = None
    """Of text files, such as "cp1252"; by default UTF-8, or what a mark at the beginning of a file says."""
    features: dict[str, Text] = field(default_factory=dict)
    """`[items.features]`: more facts about an item, name = a column or an expression, to filter and rank by.

    Numbers, yes or no, or texts, as Spark types the expression: a column of a CSV file is text, `double(weight)` is a
    number.
    """


@dataclass(frozen=True, config=TABLE)
class EventsConfig:
    """`[[events]]`: files of events, and which of their columns is which; several tables may stand side by side."""

    files: Files
    """As of items."""
    user_id: Text
    """Who it was."""
    item_id: Text
    """Which item it was; an event of an unknown item goes to quarantine."""
    time: Text
    """When it was."""
    type: Text = "'purchase'"
    """A column, or a quoted constant where the file holds one type only."""
    time_format: TimeFormat | None = None
    """A Spark datetime pattern; "seconds" or "milliseconds" for a Unix time; by default ISO 8601."""
    value: Text | None = None
    """Quantity, rating or whatever the shop counts; a number."""
    price: Text | None = None
    """The price of one piece, as paid."""
    discount: Text | None = None
    """What was taken off one piece."""
    query: Text | None = None
    """What the user typed before."""
    where: Text | None = None
    """A condition (Spark SQL) that rows must meet; the others are left out."""
    returns: Literal["undo", "drop", "keep"] = "undo"
    """What a row with a negative `value` is: it undoes what the user bought of the item before, it is left out, or it
    is an event as any other (a rating below zero)."""
    order: Text | None = None
    """The number of the order; rows of one order are one basket."""
    guests: Literal["bad", "drop", "basket"] = "bad"
    """What a row without a user is: a bad row, left out, or a guest's, whose `order` stands for the user.

    A guest counts for what is popular, and gets no list.
    """
    encoding: Encoding | None = None
    """As of items."""

    @model_validator(mode="after")
    def _guests_have_orders(self) -> "EventsConfig":
        if self.guests == "basket" and self.order is None:
            raise PydanticCustomError(
                EXPECTED,
                '"drop" or "bad", or stand beside order, the column with the number of the order',
                {"key": "guests", "found": self.guests},
            )
        return self


@dataclass(frozen=True, config=TABLE)
class VisitsConfig:
    """`[impressions.visits]`: who was where, and when, for impressions of a place."""

    files: Files
    """As of items."""
    user_id: Text
    """Who was there."""
    place: Text
    """Where, as the impressions name it."""
    time: Text
    """When."""
    time_format: TimeFormat | None = None
    """As of events."""
    encoding: Encoding | None = None
    """As of items."""


@dataclass(frozen=True, config=TABLE)
class ImpressionsConfig:
    """`[[impressions]]`: what was shown to whom; several tables may stand side by side. Without any there is no ranker.

    A row names either the user who saw the item, or the place that showed it to every visitor.
    """

    files: Files
    """As of items."""
    item_id: Text
    """What was shown."""
    time: Text
    """When the item was shown; of a place: from when on."""
    time_format: TimeFormat | None = None
    """As of events."""
    user_id: Text | None = None
    """Who saw it."""
    place: Text | None = None
    """A store, a page, a mailing: whatever `visits` names too."""
    days: Duration = 1.0
    """For how long a place shows the item; it must not show an item twice at a time."""
    visits: VisitsConfig | None = None
    """`[impressions.visits]`, for impressions of a place."""
    kind: Text = "'shown'"
    """A column, or a quoted constant: how the item was shown."""
    price: Text | None = None
    """The price that was shown; by default that of the last purchases by anybody before."""
    in_stock: Text | None = None
    """Whether the item was in stock."""
    encoding: Encoding | None = None
    """As of items."""

    @model_validator(mode="after")
    def _of_users_or_of_a_place(self) -> "ImpressionsConfig":
        if not (self.user_id is None) == (self.place is not None) == (self.visits is not None):
            raise PydanticCustomError(
                EXPECTED, "of users (user_id), or of a place (place and a table visits), not of both"
            )
        return self


@dataclass(frozen=True, config=TABLE)
class QualityConfig:
    """`[quality]`: when the data are too bad to publish from."""

    max_bad_share: Share = 0.01
    """The night stops when a larger share of the items' or the events' rows goes to quarantine."""
