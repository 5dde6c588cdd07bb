"""The tables and arrays of users of a made run in shards, as `embed_users` and `topk` write them, without Spark."""

import json

import numpy as np
import pyarrow.parquet as pq

from jobs.config.config import Config
from jobs.infra.runs import SHARD
from jobs.infra.vector_store import VectorStore
from jobs.releases.arrays.user_arrays import FOLDER, SIZES, USER_LISTS, USERS, ShardPlan, part
from lookup.release.shards.routing import shard_of

TABLES = (USERS, *USER_LISTS, "user_because")


def shard_run(config: Config) -> None:
    """Divide the tables of users of a run into the shards that the configuration asks for, and write their arrays."""
    run, count = config.run, config.build.shards
    ids = pq.read_table(run.path(USERS), columns=["user", "user_id"]).sort_by("user")["user_id"].to_pylist()
    shards = np.array([shard_of(one, count) for one in ids], dtype=np.int64)
    for name in TABLES:
        for file in sorted(run.path(name).glob("*.parquet")):
            table = pq.read_table(file)
            of = shards[table["user"].to_numpy()]
            for shard in np.unique(of):
                folder = run.path(name) / f"{SHARD}={shard}"
                folder.mkdir(exist_ok=True)
                pq.write_table(table.filter(of == shard), folder / file.name)
            file.unlink()
    lengths = {
        letter: max(part(run, name, shard).longest("items") for shard in range(count))
        for name, letter in USER_LISTS.items()
    }
    vectors = VectorStore.of(run)
    dims = {"D": vectors.dims()["D"], **lengths}
    plan = ShardPlan.of(run, count, dims, vectors.space.space_id)
    run.path(FOLDER).mkdir()
    sizes = [plan.write(run.path(FOLDER), shard) for shard in range(count)]
    (run.path(FOLDER) / SIZES).write_text(json.dumps({"dims": dims, "shards": sizes}))
