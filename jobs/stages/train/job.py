"""Job `train`: the behaviour model, fitted by torch to the days before the held-out ones."""

import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.config import Config
from jobs.config.presets import AUTO
from jobs.errors import DataError
from jobs.infra.files import resolve
from jobs.infra.logging import log_line
from jobs.infra.tables import EVENTS, SEQUENCES
from jobs.models.behaviour.continuation import is_recent, model_to_continue, settled
from jobs.models.behaviour.model_store import FITTED, PRETRAINED, START, Inputs, Start, finish, newest
from jobs.stages.train.spark.sequences import fit_together, items_of, study_of, write_sequences

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from pyspark.sql import SparkSession

    from jobs.models.attributes import Vocabulary
    from jobs.models.pretrained.store import Pretrained


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Fit a model and put it among the models, unless the newest one is recent enough and the night is not `full`.

    With `warm_start`, or where `train.warm_starts` says so, the new model continues the newest one with the days since
    then. Otherwise, and where that is not possible, training starts from scratch. A fit that was killed continues from
    its last epoch when the job runs again.

    With `train.from`, a training from scratch begins with the model of other shops, and knows all items by their texts.

    Where no user has events on two days to learn from, the model of a new shop is that of the other shops as it is, or
    knows no more than what is popular. Raises DataError where an earlier night had such users.
    """
    from jobs.models.attributes import price_bounds

    until = config.run.day - timedelta(days=config.train.holdout_days)
    old = newest(config.models, config.date)
    if old is not None and not old.taught:
        old = None
    if old is not None and is_recent(config, old, until):
        log_line("train", "kept", model=old.id, trained_until=old.trained_until)
        return {"model": old.id, "trained": False, **_kind(old.study)}
    known, old = old, model_to_continue(settled(config, old), old, until)
    study = None
    if config.preset == AUTO:  # what continues a model keeps its preset, also one that nobody chose
        study = study_of(spark, config, until) if old is None else old.study
        config = config if study is None else config.as_kind(study["preset"])
    pretrained = pretrained_of(config) if old is None else None
    users = write_sequences(spark, config, until.isoformat())
    if users == 0:
        why = (
            f"no user has events on two days before {until}: nothing to learn from. "
            f"The last {config.train.holdout_days} days (train.holdout_days) are held out for measuring"
        )
        if known is not None:
            raise DataError(f"{why}. Earlier nights had more: the model {known.id} learned from them")
        log_line("train", "popular only" if pretrained is None else "as pretrained", why=why)
        if pretrained is None:
            return _popular_only(spark, config)
    started = time.monotonic()
    folder = _new_folder(config)
    events = config.run.read(spark, SEQUENCES).selectExpr("explode(items) AS item")
    if users == 0:  # events of a single day say at least what is popular
        events = config.run.read(spark, EVENTS).where("weight > 0").select("item")
    items = items_of(spark, config, events, every=pretrained is not None)
    # The price attributes of a continued model keep their meaning.
    bounds = price_bounds(items["price"].to_numpy()) if old is None else old.price_bounds
    vocabulary = _write_inputs(folder, items, bounds)
    (folder / START).unlink(missing_ok=True)  # a fit that was killed may have left one
    if old is not None:
        Start.of(old, items["item_id"].to_pylist(), vocabulary.names, config.train).write(folder)
    (folder / PRETRAINED).unlink(missing_ok=True)
    if pretrained is not None:
        from jobs.models.content.text_encoder import locate
        from jobs.stages.train.spark.texts import text_vectors

        vectors = text_vectors(spark, config, items["text"], locate(config.embed.model, config.base))
        pretrained.start(vectors, Inputs.read(folder).attributes, config.train).write(folder)
    losses = fit_together(spark, config, folder)
    about = {
        "day": config.date.isoformat(),
        "trained_until": (until if users else config.run.day).isoformat(),
        "price_bounds": bounds.tolist(),
        "continued_from": old.id if old else None,
        "warm_starts": old.warm_starts + 1 if old else 0,
        "pretrained": pretrained.id if pretrained else None,
        "untaught": users == 0,
        "losses": losses,
        "settings": dict(vars(config.train)),
        "study": study,
    }
    model_id = finish(folder, about, items["item_id"], vocabulary.names)
    shutil.rmtree(config.run.path(SEQUENCES.name))
    return {
        "model": model_id,
        "trained": True,
        "continued_from": about["continued_from"],
        "pretrained": about["pretrained"],
        "trained_until": about["trained_until"],
        **_kind(study),
        "users": users,
        "items": len(items),
        "labels": len(vocabulary.names),
        "loss": round(losses[-1], 4) if losses else None,
        "fit_seconds": round(time.monotonic() - started, 1),
    }


def rests(config: Config) -> bool:
    """Whether the job only keeps the newest model, which it does without Spark."""
    old = newest(config.models, config.date)
    until = config.run.day - timedelta(days=config.train.holdout_days)
    return old is not None and old.taught and is_recent(config, old, until)


def pretrained_of(config: Config) -> "Pretrained | None":
    """The model of other shops that a training from scratch begins with; None where `train.from` names none.

    Raises ConfigError where it cannot be read, or does not fit this shop's settings.
    """
    if config.train.start_from is None:
        return None
    from jobs.models.content.text_encoder import identity, locate
    from jobs.models.pretrained.store import Pretrained

    found = Pretrained.read(resolve(config.train.start_from, config.base))
    found.check(config.train, identity(locate(config.embed.model, config.base)), config.embed.max_tokens)
    return found


def _kind(study: dict[str, Any] | None) -> dict[str, Any]:
    """The preset of a model and how it was chosen, for the receipt; nothing where the configuration names it."""
    return {} if study is None else {"preset": study["preset"], "study": study}


def _popular_only(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Write a model of what is popular. Raises DataError where no event has a weight."""
    from jobs.models.attributes import price_bounds
    from jobs.models.behaviour.popular_only import popular_only

    items = items_of(spark, config, config.run.read(spark, EVENTS).where("weight > 0").select("item"))
    if not len(items):
        raise DataError(f"no event before {config.date} has a weight above 0 in [weights]: nothing to learn from")
    folder = _new_folder(config)
    bounds = price_bounds(items["price"].to_numpy())
    vocabulary = _write_inputs(folder, items, bounds)
    np.savez(folder / FITTED, **popular_only(Inputs.read(folder), config.train))
    about = {
        "day": config.date.isoformat(),
        "trained_until": config.run.day.isoformat(),
        "price_bounds": bounds.tolist(),
        "popular_only": True,
        "settings": dict(vars(config.train)),
    }
    model_id = finish(folder, about, items["item_id"], vocabulary.names)
    shutil.rmtree(config.run.path(SEQUENCES.name))
    return {"model": model_id, "trained": True, "popular_only": True, "users": 0, "items": len(items)}


def _new_folder(config: Config) -> Path:
    """Where the model of a night is made."""
    folder = config.models / f".{config.date}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_inputs(folder: Path, items: "pa.Table", bounds: "NDArray[np.float64]") -> "Vocabulary":
    """Write what a model is made of; returns its attributes. items: as `items_of` reads them. bounds: of prices."""
    from jobs.models.attributes import Vocabulary, item_attributes

    facts = item_attributes(items, bounds)
    vocabulary = Vocabulary.of(*facts)
    Inputs(items["item"].to_numpy(), items["events"].to_numpy(), vocabulary.matrix(*facts)).write(folder)
    return vocabulary
