"""Job `embed_items`: items and the newest model -> tables text_vectors, look_vectors and item_vectors, and the folder
of vectors (`jobs.infra.vector_store`).
"""

import hashlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.infra.frames import model_items
from jobs.infra.tables import ITEM_VECTORS, ITEMS, TEXT_VECTORS
from jobs.stages.embed_items.spark.looks import Looks, embed_looks, look_model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from jobs.infra.vector_store import VectorSpace
    from jobs.models.content.kept_space import FittedSpace
    from jobs.stages.embed_items.spark.vectors import ContentVectors


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Write a vector for every item. Returns counts of items, texts and cold items, texts per second, and the devices.

    Raises MissingStepError when ingest or train has not run, ConfigError when the text model cannot be loaded
    or the model's settings are of another version, DataError when the text model changed while the night read it.
    """
    from jobs.infra.blocks import Blocks
    from jobs.infra.vector_store import VectorSpace, writing_vectors
    from jobs.models.behaviour import model_store as store
    from jobs.models.behaviour.encoding import score_parameters
    from jobs.models.content.text_encoder import dimensions, identity
    from jobs.models.text_encoder_training.model_store import used
    from jobs.stages.embed_items.arrays import write_item_vectors, write_labels, write_transitions
    from jobs.stages.embed_items.spark.vectors import ContentVectors, joined, known, space_of
    from lookup.scoring.parts import LOOK, TEXT

    night, options = config.run, config.embed
    text_name, text_model = used(config)
    vision_model = look_model(config)
    size = dimensions(text_model)
    items, model = night.read(spark, ITEMS), store.existing(config.models, config.date)
    settings = model.train  # before the hours of texts
    seconds, counts = _embed_texts(spark, config, items, text_model)
    texts = night.read(spark, TEXT_VECTORS)

    looks = embed_looks(spark, config, items, vision_model) if vision_model is not None else Looks()
    sources = [ContentVectors(TEXT, texts, "text", size, options.dimensions, options.weight)]
    if looks.vectors is not None:
        shown = config.images
        cut = (shown.dimensions, shown.weight, shown.categories)
        sources.append(ContentVectors(LOOK, looks.vectors, "image", looks.size, *cut))
    facts = known(items, sources, model_items(spark, model.path), sum(model.widths)).persist()
    fitted, kept = _fitted(config, sources, facts, [model.id, identity(text_model), looks.identity])
    space = space_of(sources, fitted, model)
    night.write(ITEM_VECTORS, joined(facts, space, model.price_bounds))
    cold = facts.where("cold").count()
    facts.unpersist()

    with writing_vectors(night) as writer:
        table = Blocks.of(night, ITEMS.name)
        transitions = write_transitions(table, model, writer)
        write_item_vectors(Blocks.of(night, ITEM_VECTORS.name), writer, space.dimensions)
        cold_start, parts = write_labels(table, writer, space, model.price_bounds)
        made = VectorSpace(
            space_id="",
            score_parameters=score_parameters(settings, model.widths, model.mix, parts, model.repeats),
            items=items.count(),
            dimensions=space.dimensions,
            model=model.id,
            text_model=text_name,
            look_model=config.images.model if looks.vectors is not None else None,
            trained_until=model.trained_until,
            cold_start=cold_start,
        )
        beside = [identity(text_model), options.max_tokens, fitted.digest, looks.identity]
        made = replace(made, space_id=_space_id(made, beside))
        writer.space(made)
    return {
        "items": made.items,
        "texts": counts["new"] + counts["taken_over"],
        **{f"texts_{name}": count for name, count in counts.items()},
        "cold_items": cold,
        "followers": transitions,
        **{f"{part.name}_cosine": part.cosine for part, _ in parts},
        "texts_per_second": round(counts["new"] / seconds, 1),
        "devices": _distinct(texts, "device"),
        "gpus_lent": _distinct(texts, "gpu"),
        "text_model": text_name,
        "space_kept": kept,
        **looks.counts,
        "space_id": made.space_id,
    }


def _embed_texts(spark: "SparkSession", config: Config, items: "DataFrame", model: str) -> tuple[float, dict[str, int]]:
    """Write TEXT_VECTORS. Returns the seconds for new texts, and how many are new, taken over and dropped.

    items: table ITEMS. model: what `TextEncoder` loads. Raises DataError when it changed while the night read it.
    """
    from jobs.infra.cluster.tasks import watching
    from jobs.infra.kept.store import KeptVectors
    from jobs.models.content.fingerprint import TEXTS, text_facts
    from jobs.models.content.text_encoder import identity
    from jobs.models.content.text_encoders import text_computing_of
    from jobs.stages.embed_items.spark.computing import computing
    from jobs.stages.embed_items.spark.texts import text_vectors

    way = computing(spark, config.embed.precision, text_computing_of)
    facts, named = text_facts(config.embed, model, way), identity(model)
    kept = KeptVectors(config.work, TEXTS, facts, "embed_items")
    started = time.monotonic()
    with watching(spark, "embed_items", "texts"):
        found, counts = text_vectors(items, kept, config.embed, model)
        seconds = time.monotonic() - started
        if identity(model) != named:
            kept.replace(kept.segments())
            raise DataError(f"{model}: the text model changed while the night read it: run `embed_items` again")
        config.run.write(TEXT_VECTORS, found)
    return seconds, counts


def _fitted(
    config: Config, sources: "list[ContentVectors]", known: "DataFrame", models: list[str | None]
) -> "tuple[FittedSpace, bool]":
    """What the space of this night is fitted to, and whether an earlier night did so.

    known: as `jobs.stages.embed_items.spark.vectors.known` returns. models: what tells all models of the night.
    """
    from jobs.models.content.kept_space import FittedSpace, path_of
    from jobs.models.content.text_encoder import is_unknown
    from jobs.stages.embed_items.spark.vectors import fit, hashes

    facts = {
        "models": models,
        "max_tokens": config.embed.max_tokens,
        "cold_bias": config.embed.cold_bias,
        "parts": [[one.name, one.size, one.dimensions, one.by_category] for one in sources],
    }
    path = path_of(config.work, facts)
    unknown = any(one is not None and is_unknown(one) for one in models)
    before = None if config.full or unknown else FittedSpace.read(path)
    if before is not None and before.holds(hashes(sources, before.every)):
        return before, True
    made = fit(sources, known, config.embed.cold_bias)
    made.write(path)
    return made, False


def _space_id(space: "VectorSpace", beside: list[Any]) -> str:
    """16 hexadecimal digits that change with the space and what stands beside it, but not with how many items there
    are, nor with how well the day describes new ones.
    """
    facts = {name: value for name, value in space.to_json().items() if name not in ("space_id", "describe")}
    parts = [{**part, "cosine": None} for part in facts["encoder"]["parts"]]
    facts |= {"items": None, "encoder": {**facts["encoder"], "parts": parts}}
    return hashlib.sha256(json.dumps([facts, *beside], sort_keys=True).encode()).hexdigest()[:16]


def _distinct(frame: "DataFrame", column: str) -> list[str]:
    return sorted(row[0] for row in frame.select(column).where(f"{column} is not null").distinct().collect())
