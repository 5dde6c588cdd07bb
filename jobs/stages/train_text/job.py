"""Job `train_text`: what shoppers searched for, took and bought -> a text model that is better for this shop."""

import time
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.logging import log_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs.models.text_encoder_training.model_store import TextModel

JOB = "train_text"


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Fine-tune the text model, keep it where it is better on held-out queries, and write which one the night uses.

    Training goes on from the newest model that was kept; where there is none, and in a night that is `full`, it begins
    with `embed.model`. A night whose last training is young enough trains none. A killed training starts again. Without
    `train_text.enabled` the night uses `embed.model` as it is.

    Raises MissingStepError when ingest has not run, ConfigError when the text model cannot be loaded.
    """
    from jobs.models.text_encoder_training import model_store as store

    if not config.train_text.enabled:
        store.use(config, None, None)
        return {"enabled": False}
    return _fine_tune(spark, config)


def rests(config: Config) -> bool:
    """Whether the job needs no Spark."""
    return not config.train_text.enabled


def _fine_tune(spark: "SparkSession", config: Config) -> dict[str, Any]:
    from jobs.infra.storage.shipped import shipped_model
    from jobs.models.content.text_encoder import identity, locate
    from jobs.models.text_encoder_training import model_store as store
    from jobs.models.text_encoder_training.files import Training, read_fitted, write_material
    from jobs.stages.train_text.material import ENOUGH, collect
    from jobs.stages.train_text.spark import bought_together, fine_tune_together

    options, start = config.train_text, locate(config.embed.model, config.base)
    base = identity(start)
    done = store.trainings(config.models, config.date, base)
    old = store.newest(config.models, config.date, base)
    if done and not config.full and (config.date - done[-1].day).days <= options.max_age_days:
        return _uses(config, base, old, trained=False)
    found = collect(config, bought_together(spark, config) if options.together else [])
    queries = len({pair.query for pair in found.pairs})
    log_line(JOB, "pairs", queries=queries, items=len(found.texts), **found.counts)
    if queries < ENOUGH:
        log_line(JOB, "nothing to learn from", why=f"{queries} different texts; {ENOUGH} are needed")
        return _uses(config, base, old, trained=False)
    begins = None if config.full else old
    folder, started = store.new_folder(config.models, config.date), time.monotonic()
    write_material(folder, found.texts, found.pairs)
    names = ("epochs", "learning_rate", "batch", "temperature", "negatives", "held_out", "seconds", "seed")
    settings = {name: getattr(options, name) for name in names}
    model = shipped_model(begins.model if begins else start)
    fine_tune_together(spark, folder, Training(model, config.embed, settings))
    fitted = read_fitted(folder)
    facts = {"continues": begins.id if begins else None, "settings": settings, **fitted, "sources": found.counts}
    made = store.finish(folder, config.date, base, facts.pop("kept"), facts)
    counts = _uses(config, base, made if made.kept else old, trained=True)
    return {
        **counts,
        "kept": made.kept,
        "continues": facts["continues"],
        "queries": queries,
        "items": len(found.texts),
        "pairs": fitted["pairs"],
        "device": fitted["device"],
        "fit_seconds": round(time.monotonic() - started, 1),
        "changes": fitted["changes"],
    }


def _uses(config: Config, base: str, model: "TextModel | None", *, trained: bool) -> dict[str, Any]:
    """Say which model the night uses. model: None for `embed.model` itself. Returns what the receipt says of it."""
    from jobs.models.text_encoder_training import model_store as store

    store.use(config, base, model)
    log_line(JOB, "uses", model=model.id if model else config.embed.model, trained=trained)
    said = model.facts["changes"] if model else []
    return {"model": model.id if model else None, "trained": trained, "changes": said}
