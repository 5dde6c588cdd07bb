"""The whole configuration of a night: the sections of a TOML file, and the night that they are read for."""

import re
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from jobs.config import presets
from jobs.config.bounds import EXPECTED, TABLE, Expected, Weight
from jobs.config.learning import EmbedConfig, ImagesConfig, RankerConfig, TrainConfig, TrainTextConfig
from jobs.config.password import with_password
from jobs.config.release import BuildConfig, CostsConfig, TopKConfig, UsersConfig, ValidateConfig
from jobs.config.search import SearchConfig, SearchesConfig
from jobs.config.search_files import RedirectRow, read_lines, read_redirects
from jobs.config.shop import EventsConfig, ImpressionsConfig, ItemsConfig, QualityConfig, ShopConfig
from jobs.config.toml import fill
from jobs.infra.machine.cluster import START_SECONDS
from jobs.infra.runs import Run
from jobs.infra.storage.storage import LOCAL, URL
from lookup.log_address import is_url
from lookup.patches.patch_log import FILE

CONSTANT = re.compile(r"\s*'([^'\\]+)'\s*")
"""A constant of Spark SQL, such as 'purchase'."""


@dataclass(frozen=True)
class Override:
    """A person's word to publish a release that `validate` holds; from the command line only."""

    by: str
    """The person's name."""
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, config=TABLE)
class Sections:
    """What a TOML file may hold."""

    items: ItemsConfig
    events: Annotated[list[EventsConfig], Field(min_length=1)]
    shop: ShopConfig = field(default_factory=ShopConfig)
    preset: str | None = None
    """A kind of shop, of `jobs.config.presets`: its settings hold in `[train]` and `[embed]` where the file has
    none. "auto", which a file without it has: the night that trains a model chooses it. None, which only a
    configuration without a file has: `train` and `embed` as they are."""
    weights: dict[str, Weight] = field(default_factory=lambda: {"purchase": 1.0})
    """`[weights]`: event type = how much it counts. An event of a type that is not here goes to quarantine."""
    impressions: list[ImpressionsConfig] = field(default_factory=list)
    searches: list[SearchesConfig] = field(default_factory=list)
    quality: QualityConfig = field(default_factory=QualityConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    train_text: TrainTextConfig = field(default_factory=TrainTextConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    images: ImagesConfig = field(default_factory=ImagesConfig)
    users: UsersConfig = field(default_factory=UsersConfig)
    topk: TopKConfig = field(default_factory=TopKConfig)
    ranker: RankerConfig = field(default_factory=RankerConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    build: BuildConfig = field(default_factory=BuildConfig)
    validate: ValidateConfig = field(default_factory=ValidateConfig)
    costs: CostsConfig = field(default_factory=CostsConfig)
    spark: dict[str, Annotated[str, Expected('a text; a name with dots stands in quotes: "spark.driver.memory"')]] = (
        field(default_factory=dict)
    )
    """`[spark]`: settings of the Spark session, as in spark-defaults. "spark.daybreak.startSeconds" says how long a job
    waits where the cluster runs none of its tasks: 600 by default."""

    @field_validator("preset", mode="before")
    @classmethod
    def _known(cls, preset: object) -> object:
        known = [presets.AUTO, *presets.names()]
        if preset is not None and preset not in known:
            raise PydanticCustomError(EXPECTED, "one of {names}", {"names": ", ".join(known)})
        return preset

    @field_validator("weights")
    @classmethod
    def _not_empty(cls, weights: dict[str, float]) -> dict[str, float]:
        if not weights:
            raise PydanticCustomError(EXPECTED, "a table of event types, such as purchase = 1.0")
        return weights

    @field_validator("weights")
    @classmethod
    def _of_every_type_that_is_named(cls, weights: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        named = [CONSTANT.fullmatch(table.type) for table in info.data.get("events", [])]
        without = sorted({found[1] for found in named if found and found[1] not in weights})
        if without:
            raise PydanticCustomError(
                EXPECTED,
                "a table with every type that [[events]] names: {types} has no weight, so that all its rows would be "
                "lost; add it, as in purchase = 1.0",
                {"types": ", ".join(without)},
            )
        return weights

    @field_validator("spark")
    @classmethod
    def _settings_of_spark(cls, settings: dict[str, str]) -> dict[str, str]:
        wrong = sorted(key for key in settings if not key.startswith("spark."))
        if wrong:
            raise PydanticCustomError(
                EXPECTED,
                'a table of settings of Spark, such as "spark.driver.memory" = "4g"; {keys} are none',
                {"keys": ", ".join(wrong)},
            )
        seconds = settings.get(START_SECONDS, "1")
        if re.fullmatch(r"[1-9]\d{0,5}", seconds) is None:
            raise PydanticCustomError(
                EXPECTED, 'whole seconds as text, such as "600"', {"key": START_SECONDS, "found": seconds}
            )
        return settings

    @field_validator("ranker")
    @classmethod
    def _types_that_count(cls, ranker: RankerConfig, info: ValidationInfo) -> RankerConfig:
        counted: Mapping[str, float] | None = info.data.get("weights")
        if not info.data.get("impressions") or counted is None:
            return ranker
        if counted.keys().isdisjoint(ranker.purchases):
            raise PydanticCustomError(
                EXPECTED,
                "types of which [weights] has one",
                {"key": "purchases", "found": ranker.purchases},
            )
        if ranker.engagement == "item" and counted.keys().isdisjoint(ranker.clicks):
            raise PydanticCustomError(
                EXPECTED,
                'types of which [weights] has one (a shop without says ranker.engagement = "category")',
                {"key": "clicks", "found": ranker.clicks},
            )
        return ranker


@dataclass(frozen=True, kw_only=True, config=TABLE)
class Config(Sections):
    """A whole configuration. A night of `date` knows the events before it."""

    base: Path
    """The folder of the TOML file; its paths are relative to it."""
    date: date
    full: bool = False
    """Train a new model even where one is young enough."""
    warm_start: bool = False
    """Continue the newest model with the days since, however young it is."""
    older: bool = False
    """Publish although the release that serves is of a later date."""
    override: Override | None = None
    file: Path | None = None
    """The TOML file, for messages that name a command; None where the configuration was made without one."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """The tables `[train]` and `[embed]` of the TOML file, without what a preset adds."""

    def as_kind(self, name: str) -> "Config":
        """The configuration with a preset where it has "auto"; the file's own keys win.

        Raises ConfigError when no preset has that name, or the file's keys do not go with it.
        """
        if self.preset != presets.AUTO:
            return self
        tables = presets.under(name, dict(self.own))
        train = fill(TrainConfig, tables.get("train", {}), str(self.file), "train.")
        embed = fill(EmbedConfig, tables.get("embed", {}), str(self.file), "embed.")
        return replace(self, preset=name, train=train, embed=embed)

    @property
    def run(self) -> Run:
        """The run of this night."""
        return Run(self.work / "runs" / self.date.isoformat(), self.date)

    @property
    def work(self) -> Path:
        """Folder of runs and models, on the driver."""
        return (self.base / (self.shop.work if self.storage is None else self.shop.local)).resolve()

    @property
    def storage(self) -> str | None:
        """The URL of the folder of runs and models that the cluster reaches; None: all machines see `work`."""
        return self.shop.work if "://" in self.shop.work else None

    @property
    def session(self) -> dict[str, str]:
        """The settings of the Spark session of a night."""
        return self.spark if self.storage is None else {**self.spark, URL: self.storage, LOCAL: str(self.work)}

    @property
    def models(self) -> Path:
        """Folder of models."""
        return self.work / "models"

    @property
    def scratch(self) -> Path:
        """Folder of what Spark keeps on disk while it runs."""
        return self.work / "spark"

    @property
    def releases(self) -> Path:
        """Folder of releases."""
        return (self.base / self.shop.releases).resolve()

    @property
    def looks(self) -> bool:
        """Whether the night embeds pictures."""
        return self.items.image is not None and self.images.embed

    @property
    def synonyms(self) -> list[str]:
        """The lines of the shop's synonyms; empty where it has none.

        Raises ConfigError where the file cannot be read.
        """
        named = self.search.synonyms
        return [] if named is None else read_lines(self.base / named, "search.synonyms")

    @property
    def redirects(self) -> list[RedirectRow]:
        """The shop's redirects; empty where it has none. Raises ConfigError where the file is wrong."""
        named = self.search.redirects
        return [] if named is None else read_redirects(self.base / named, "search.redirects")

    @property
    def patches(self) -> str | Path:
        """Where the patch log is, as `lookup.patches.patch_log.open_log` takes it: with the password, so never shown.

        Raises ConfigError where the password is not where `[shop]` says.
        """
        shop = self.shop
        where = self.releases / FILE if shop.patches is None else shop.patches
        if shop.password_env is not None or shop.password_file is not None:
            file = None if shop.password_file is None else self.base / shop.password_file
            return with_password(where, shop.password_env, file)
        return where if is_url(where) else (self.base / where).resolve()
