"""Job `embed_users`: events and the folder of vectors -> table user_vectors.

Night and day share the function that makes a user's vector (`lookup.scoring.user_encoder`).
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.frames import histories, number_by_hash, shard_of_id
from jobs.infra.logging import log_line
from jobs.infra.tables import EVENTS, GUEST_PREFIX, USER_VECTORS
from jobs.infra.vector_store import VectorStore
from jobs.stages.embed_users.spark import vectors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Write the vector of every active user; guests get none. Returns how many users are active, and how many are not.

    Where nobody is active, the release has no list of a user, and the log says why; the gate knows whether the
    incumbent had any. Raises MissingStepError when embed_items has not run.
    """
    from pyspark.sql import functions as F

    rule = config.users
    since = config.run.day - timedelta(days=rule.active_days)
    events = config.run.read(spark, EVENTS).filter(~F.col("user_id").startswith(GUEST_PREFIX))
    known = histories(events, config.run.day, config.train.max_history)
    active = known.filter(
        (F.col("last_event") >= F.lit(since).cast("timestamp")) & (F.col("events") >= rule.min_events)
    )
    numbered = number_by_hash(active, "user_id", "user")
    count = config.build.shards
    shard = shard_of_id("user_id", count) if count > 1 else None
    config.run.write(USER_VECTORS, vectors(numbered, VectorStore.of(config.run)), shard)
    spark.catalog.clearCache()
    users = config.run.read(spark, USER_VECTORS).count()
    if not users:
        last = events.agg(F.max("day")).first()
        why = (
            f"no user is active: none has {rule.min_events} events (users.min_events) and one since {since} "
            f"(users.active_days = {rule.active_days}). The last event is of {last[0] if last else 'no day'}; "
            f"is --date {config.date} the night you mean? The release will have popular and similar items alone"
        )
        log_line("embed_users", "warning", text=why)
    return {"users": users, "inactive": known.count() - users}
