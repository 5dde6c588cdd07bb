"""What the values of a configuration must be, beyond their types."""

from typing import TYPE_CHECKING

from jobs.errors import ConfigError

if TYPE_CHECKING:
    from jobs.config.sections import Config

MAY_BE_0 = ("seed", "samples", "warm_starts", "hidden")
"""Of the whole numbers; all others are 1 or more."""


def check(config: "Config", source: str) -> None:
    """Raise ConfigError, naming `source` and the key, for the first value that cannot be."""

    def must(holds: bool, key: str, what: str) -> None:
        if not holds:
            raise ConfigError(f"{source}: {key} must be {what}")

    must(bool(config.weights), "[weights]", "a table of event types, such as purchase = 1.0")
    must(all(w >= 0 for w in config.weights.values()), "[weights]", "zero or more for every event type")
    must(config.topk.bought in ("include", "exclude", "separate"), "topk.bought", "include, exclude or separate")
    must(config.topk.because >= 0, "topk.because", "0 or more")
    must(config.embed.precision in ("auto", "float32", "bfloat16"), "embed.precision", "auto, float32 or bfloat16")
    must(bool(config.train.half_lives), "train.half_lives", "a list of days, at least one; 0 never fades")
    must(all(h >= 0 for h in config.train.half_lives), "train.half_lives", "days, zero or more")
    must(
        len(config.train.fading) == len(config.train.half_lives) and sum(config.train.fading) > 0,
        "train.fading",
        "a list of parts, one for each of train.half_lives, that are not all 0",
    )
    must(all(part >= 0 for part in config.train.fading), "train.fading", "parts, zero or more")
    for name in ("input_dropout", "event_dropout", "own_dropout"):
        must(0 <= getattr(config.train, name) < 1, f"train.{name}", "a share from 0 to less than 1")
    for name in ("temperature", "follow_ridge"):
        must(getattr(config.train, name) > 0, f"train.{name}", "more than 0")
    for name in ("samples", "warm_starts", "replay", "repeat", "follow_shrink"):
        must(getattr(config.train, name) >= 0, f"train.{name}", "0 or more")
    for n, shown in enumerate(config.impressions):
        must(
            (shown.user_id is None) == (shown.place is not None) == (shown.visits is not None),
            f"impressions[{n}]",
            "of users (user_id), or of a place (place and a table visits), not of both",
        )
        must(shown.days > 0, f"impressions[{n}].days", "more than 0")
    must(config.ranker.engagement in ("item", "category"), "ranker.engagement", "item or category")
    must(config.ranker.window_days > 0, "ranker.window_days", "more than 0")
    if config.impressions:
        counted, ranker = config.weights.keys(), config.ranker
        must(not counted.isdisjoint(ranker.purchases), "ranker.purchases", "types of which [weights] has one")
        must(
            ranker.engagement == "category" or not counted.isdisjoint(ranker.clicks),
            "ranker.clicks",
            'types of which [weights] has one; a shop without says ranker.engagement = "category"',
        )
    must(0 < config.validate.false_alarms < 1, "validate.false_alarms", "a share between 0 and 1")
    shares = (
        "train.kept",
        "embed.cold_bias",
        "validate.max_loss",
        "validate.min_day_events",
        "build.recall",
        "quality.max_bad_share",
    )
    for section, name in (key.split(".") for key in shares):
        must(0 <= getattr(getattr(config, section), name) <= 1, f"{section}.{name}", "a share from 0 to 1")
    for section in ("train", "embed", "users", "topk", "ranker", "build", "validate"):
        for name, value in vars(getattr(config, section)).items():
            if isinstance(value, int) and not isinstance(value, bool) and name not in MAY_BE_0:
                must(value > 0, f"{section}.{name}", f"1 or more; it is {value}")
