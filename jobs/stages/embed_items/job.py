"""Job `embed_items`: items and the newest model -> text_vectors, item_vectors and the folder vectors/.

vectors/item_input.npy, vectors/item_vector.npy    float32 (I, D), plain numpy files
vectors/item_next_item.npy, vectors/item_next_weight.npy    int32, float32 (I, N), the followers of items
vectors/item_repeat.npy                            float32 (I,), what the score of an item gains for who had it
vectors/labels.json, vectors/label_*.npy           what new items get their vectors from by day
(`lookup.scoring.cold_start`)
vectors/space.json                                 the space they are in, and the encoder of user vectors
"""

import hashlib
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.frames import model_items
from jobs.infra.tables import ITEM_VECTORS, ITEMS, TEXT_VECTORS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Write a vector for every item. Returns counts of items, texts and cold items, texts per second, and the devices.

    Raises MissingStepError when ingest or train has not run, ConfigError when the text model cannot be loaded
    or the model's settings are of another version.
    """
    from jobs.infra.blocks import Blocks
    from jobs.infra.tasks import watching
    from jobs.models.behaviour import model_store as store
    from jobs.models.behaviour.encoding import score_parameters
    from jobs.models.content.text_encoder import dimensions, identity, locate
    from jobs.stages.embed_items.spark.texts import text_vectors
    from jobs.stages.embed_items.spark.vectors import fit, joined, known, write_arrays, write_followers, write_labels

    night, options = config.run, config.embed
    text_model = locate(options.model, config.base)
    size = dimensions(text_model)
    items, model = night.read(spark, ITEMS), store.existing(config.models, config.date)
    settings = model.train  # before the hours of texts

    different = items.where("trim(text) != ''").select("text").distinct().count()
    started = time.monotonic()
    with watching(spark, "embed_items", "texts"):
        night.write(TEXT_VECTORS, text_vectors(items, config, different))
    seconds = time.monotonic() - started
    texts = night.read(spark, TEXT_VECTORS)

    facts = known(items, texts, model_items(spark, model.path), size, sum(model.widths)).persist()
    space = fit(texts, facts, size, model, options)
    night.write(ITEM_VECTORS, joined(facts, space, model.price_bounds))
    cold = facts.where("cold").count()
    facts.unpersist()

    about: dict[str, Any] = {
        "encoder": score_parameters(settings, model.widths, model.mix, text=space.text).to_json(),
        "items": items.count(),
        "dimensions": space.dimensions,
        "behaviour": space.behaviour,
        "text": space.text,
        "model": model.id,
        "text_model": options.model,
        "trained_until": model.trained_until.isoformat(),
    }
    # The components depend on the texts: vectors of nights with other texts are of another space.
    parts = [{**about, "items": None}, identity(text_model), options.weight, options.max_tokens, _fingerprint(texts)]
    about["space_id"] = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    with night.replacing("vectors") as folder:
        folder.mkdir()
        pairs = write_followers(items, model, folder)
        write_arrays(Blocks.of(night, ITEM_VECTORS.name), folder, space.dimensions)
        fact = write_labels(Blocks.of(night, ITEMS.name), folder, space, model.price_bounds)
        about["describe"] = asdict(fact)
        (folder / "space.json").write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")
    return {
        "items": about["items"],
        "texts": different,
        "cold_items": cold,
        "followers": pairs,
        "text_cosine": fact.text_cosine,
        "texts_per_second": round(different / seconds, 1),
        "devices": _distinct(texts, "device"),
        "gpus_lent": _distinct(texts, "gpu"),
        "space_id": about["space_id"],
    }


def _distinct(frame: "DataFrame", column: str) -> list[str]:
    return sorted(row[0] for row in frame.select(column).where(f"{column} is not null").distinct().collect())


def _fingerprint(texts: "DataFrame") -> int:
    """A number that changes with the texts and with how many items have them, whatever their order."""
    from pyspark.sql import functions as F

    return int(texts.agg(F.expr("bit_xor(xxhash64(text, items))")).first()[0] or 0)
