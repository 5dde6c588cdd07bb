"""Job `topk`: user_vectors, events, items and the folder of vectors -> the tables of lists, and popularity."""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.item_groups import codes_of_run
from jobs.infra.tables import (
    EVENTS,
    ITEMS,
    POPULAR,
    POPULARITY,
    USER_AGAIN,
    USER_BECAUSE,
    USER_TOPK,
    USER_UNSEEN,
    USER_VECTORS,
)
from jobs.infra.vector_store import VectorStore

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Write the five tables of lists, table `user_because` and table `popularity`, and where users are in shards their
    arrays. Returns how many users, items and popular lists there are.

    Raises MissingStepError when embed_items or embed_users has not run.
    """
    from jobs.infra.cluster.tasks import watching
    from jobs.infra.frames import popular, popularity
    from jobs.stages.topk.spark.because import user_because
    from jobs.stages.topk.spark.lists import user_again, user_lists, user_unseen
    from jobs.stages.topk.spark.nights import write_similar
    from jobs.stages.topk.spark.shards import shard_of_user, write_shards

    night, options = config.run, config.topk
    vectors = VectorStore.of(night)
    users, items = night.read(spark, USER_VECTORS), night.read(spark, ITEMS)
    groups = codes_of_run(night)
    counts = {"users": users.count(), "items": items.count()}

    with watching(spark, "topk", "users"):
        shard = shard_of_user(config)
        night.write(USER_UNSEEN, user_unseen(users, vectors, options, counts["users"], groups=groups), shard)
        unseen = night.read(spark, USER_UNSEEN)
        night.write(USER_TOPK, user_lists(users, unseen, vectors, options, counts["users"], groups=groups), shard)
        night.write(USER_AGAIN, user_again(users, vectors, options, counts["users"]), shard)
        lists = night.read(spark, USER_TOPK)
        because = user_because(users, lists, vectors, options, night=night.day, count=counts["users"])
        night.write(USER_BECAUSE, because, shard)
        write_shards(spark, config, vectors)
    with watching(spark, "topk", "items"):
        similar = write_similar(spark, config, vectors, counts["items"], groups)
    night.write(POPULARITY, popularity(night.read(spark, EVENTS), night.day, options.popular_half_life_days))
    night.write(POPULAR, popular(items, night.read(spark, POPULARITY), options.popular, grouped=groups is not None))
    taken = {f"similar_{name}": number for name, number in similar.items()}
    return {**counts, **taken, "popular_lists": night.read(spark, POPULAR).count()}
