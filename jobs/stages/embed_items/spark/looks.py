"""The pictures of a night: fetched, embedded, and what is wrong with the others set aside."""

import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.infra.storage.disk import remove
from jobs.infra.tables import FETCHED, LOOK_VECTORS, PICTURE_QUARANTINE, PICTURES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PACKAGES = ("PIL", "efficientnet_lite_pytorch")
"""What the extra `images` brings, as Python imports it."""


@dataclass(frozen=True)
class Looks:
    """What the pictures of a night gave."""

    vectors: "DataFrame | None" = None
    """Table LOOK_VECTORS; None where no picture could be used, so that vectors have no look part."""
    size: int = 0
    """Dimensions of its vectors."""
    identity: str | None = None
    """Of the model."""
    counts: dict[str, Any] = field(default_factory=dict)
    """For the receipt."""


def look_model(config: Config) -> str | None:
    """The vision model as it is loaded; None where the night embeds no pictures.

    A shop whose `image` was only handed through may lack the packages for pictures: its nights go on without a look.
    Raises ConfigError where there is no such model.
    """
    if not config.looks:
        return None
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        log_line("embed_items", "no-pictures", missing=missing, remedy="pip install 'daybreak[images]'")
        return None
    from jobs.models.content.picture_encoder import KEY, located
    from jobs.models.content.text_encoder import identity

    found = located(config.images.model, config.base)
    identity(found, KEY)
    return found


def embed_looks(spark: "SparkSession", config: Config, items: "DataFrame", model: str) -> Looks:
    """Write LOOK_VECTORS and PICTURE_QUARANTINE. items: table ITEMS. model: as `look_model` returns."""
    from pyspark.sql import functions as F

    from jobs.infra.cluster.tasks import watching
    from jobs.infra.kept.store import KeptVectors
    from jobs.models.content.fingerprint import LOOKS, look_facts
    from jobs.models.content.picture_encoder import KEY
    from jobs.models.content.text_encoder import identity
    from jobs.stages.embed_items.spark.computing import computing
    from jobs.stages.embed_items.spark.pictures import aside, fetched, fetcher_of, look_vectors

    night, options = config.run, config.images
    own = night.read(spark, PICTURES) if night.path(PICTURES.name).exists() else None
    fetcher = fetcher_of(options, config.base, time.time())
    with watching(spark, "embed_items", "pictures"):
        night.write(FETCHED, fetched(items, own, fetcher, options.fetches))
        facts = look_facts(options, model, computing(spark, options.precision))
        store = KeptVectors(config.work, LOOKS, facts, "embed_items")
        found, made = look_vectors(night.read(spark, FETCHED), store, model, options)
        night.write(LOOK_VECTORS, found)
    remove(night.path(FETCHED.name))
    looks = night.read(spark, LOOK_VECTORS)
    night.write(PICTURE_QUARANTINE, aside(items, looks))
    reasons = night.read(spark, PICTURE_QUARANTINE).groupBy("reason").count().collect()
    for row in sorted(reasons, key=lambda row: -row["count"]):
        log_line("embed_items", "pictures-set-aside", reason=row["reason"], items=row["count"])
    there = looks.where("vector is not null")
    first = there.select("vector").first()
    all_there = there.agg(
        F.countDistinct("sha256").alias("pictures"),
        F.coalesce(F.sum("items"), F.lit(0)).alias("items"),
    ).first()
    counts = {
        "pictures": all_there["pictures"],
        **{f"pictures_{name}": count for name, count in made.items()},
        "items_with_pictures": all_there["items"],
        "pictures_set_aside": sum(row["count"] for row in reasons),
    }
    if first is None:
        log_line("embed_items", "no-pictures", items=counts["pictures_set_aside"])
        return Looks(counts=counts)
    return Looks(looks, len(first[0]), identity(model, KEY), counts)
