"""Pictures that stand in the shop's files: their bytes go to table PICTURES, and their digest into `items`."""

from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.infra.pictures.guard import LONGEST
from jobs.stages.ingest.spark.quarantine import Checked
from jobs.stages.ingest.spark.reading.columns import joined, kind_of, scalar

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

DIGEST = "sha256:"
BEGINNINGS = ("FFD8FF", "89504E470D0A1A0A", "52494646", "47494638")
"""How the bytes of a JPEG, PNG, WebP and GIF begin, hexadecimal. The last is told later, as a picture of no known type.
"""


def picture_address(source: "DataFrame", expression: str, key: str) -> "Column":
    """The address of each item's picture; for bytes their digest, after DIGEST.

    Spark reads the bytes of a Parquet file as text where the file does not mark texts as such, so bytes are known by
    what they begin with, or by being longer than any address.
    """
    from pyspark.sql import functions as F

    if kind_of(source, expression, key) not in ("string", "binary"):
        return joined(source, expression, key)
    there, raw = _bytes(source, expression, key)
    digest = F.concat(F.lit(DIGEST), F.sha2(raw, 256))
    return F.when(there, digest).otherwise(joined(source, expression, key))


def pictures(items: Checked, config: Config) -> "DataFrame | None":
    """Table PICTURES; None where the shop's files hold no bytes. items: as `map_items` returns."""
    from pyspark.sql import functions as F

    expression, key = config.items.image, "items.image"
    if expression is None or not config.looks or kind_of(items.source, expression, key) not in ("string", "binary"):
        return None
    there, raw = _bytes(items.source, expression, key)
    digest = F.concat(F.lit(DIGEST), F.sha2(raw, 256)).alias("picture")
    kept = F.when(F.length(raw) <= config.images.max_bytes, raw).alias("bytes")
    return items.source.where(there).select(digest, kept).dropDuplicates(["picture"])


def _bytes(source: "DataFrame", expression: str, key: str) -> "tuple[Column, Column]":
    """Whether a value is bytes of a picture and no address, and the bytes."""
    from pyspark.sql import functions as F

    raw = scalar(source, expression, key).cast("binary")
    begins = [F.hex(F.substring(raw, 1, len(head) // 2)) == head for head in BEGINNINGS]
    there = F.length(raw) > LONGEST
    for one in begins:
        there = there | one
    return F.coalesce(there, F.lit(False)), raw
