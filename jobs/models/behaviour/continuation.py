"""Which model a night uses: the newest one, one that continues it, or one trained from scratch."""

from datetime import date

from jobs.config.config import Config
from jobs.config.presets import AUTO
from jobs.infra.logging import log_line
from jobs.models.behaviour.model_store import Model, newest


def settled(config: Config, model: Model | None) -> Config:
    """The configuration with the preset that was chosen for a model, where it leaves that open."""
    if config.preset != AUTO or model is None or model.study is None:
        return config
    return config.as_kind(model.study["preset"])


def of_night(config: Config) -> Config:
    """The configuration with the preset of the night's model, where it leaves that open and there is a model."""
    return settled(config, newest(config.models, config.date)) if config.preset == AUTO else config


def is_recent(config: Config, model: Model, until: date) -> bool:
    """Say whether the night can use the newest model. until: the first day that a new model would not see."""
    if config.warm_start:
        return model.trained_until >= until
    return not config.full and (config.date - model.day).days <= config.train.max_age_days


def model_to_continue(config: Config, last: Model | None, until: date) -> Model | None:
    """Return the newest model if the new one, of the days before `until`, continues it; None: train from scratch.

    The log says which it is, and why a night that asks for a warm start trains from scratch.
    """
    if config.full or not (config.warm_start or config.train.warm_starts):
        return None
    if last is None:
        why: str | None = "there is no model yet"
    elif not config.warm_start and last.warm_starts >= config.train.warm_starts:
        why = f"{last.id} was continued {last.warm_starts} times (train.warm_starts)"
    elif last.trained_until >= until:
        why = f"{last.id} knows every day before {until}"
    else:
        why = last.reason_not_to_continue(config.train)
    if last is None or why is not None:
        log_line("train", "from_scratch", why=why)
        return None
    log_line(
        "train",
        "continues",
        model=last.id,
        trained_until=last.trained_until,
        warm_starts=last.warm_starts + 1,
    )
    return last
