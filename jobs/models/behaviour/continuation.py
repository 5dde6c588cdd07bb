"""Which model a night uses: the newest one, one that continues it, or one trained from scratch."""

from datetime import date

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.models.behaviour.model_store import Model


def is_recent(config: Config, model: Model, until: date) -> bool:
    """Say whether the night can use the newest model. until: the first day that a new model would not see."""
    if config.warm_start:
        return model.trained_until >= until
    return not config.full and (config.date - model.day).days <= config.train.max_age_days


def model_to_continue(config: Config, newest: Model | None, until: date) -> Model | None:
    """Return the newest model if the new one, of the days before `until`, continues it; None: train from scratch.

    The log says which it is, and why a night that asks for a warm start trains from scratch.
    """
    if config.full or not (config.warm_start or config.train.warm_starts):
        return None
    if newest is None:
        why: str | None = "there is no model yet"
    elif not config.warm_start and newest.warm_starts >= config.train.warm_starts:
        why = f"{newest.id} was continued {newest.warm_starts} times (train.warm_starts)"
    elif newest.trained_until >= until:
        why = f"{newest.id} knows every day before {until}"
    else:
        why = newest.reason_not_to_continue(config.train)
    if newest is None or why is not None:
        log_line("train", "from_scratch", why=why)
        return None
    log_line(
        "train",
        "continues",
        model=newest.id,
        trained_until=newest.trained_until,
        warm_starts=newest.warm_starts + 1,
    )
    return newest
