"""Users' histories from the events, and their vectors."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from jobs.infra.runs import Run
from jobs.infra.tables import USER_VECTORS
from jobs.models.user_vectors import history_shares, user_matrix
from lookup.scoring.score_parameters import ScoreParameters

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


def vectors(users: "DataFrame", run: Run) -> "DataFrame":
    """Add what table USER_VECTORS needs to users with histories (as made by `jobs.infra.frames.histories`, with
    `user`), on executors."""
    folder = run.existing("vectors")
    parameters = ScoreParameters.from_json(run.read_json("vectors/space.json")["encoder"])
    names = USER_VECTORS.columns

    def embed(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        from jobs.infra.arrow import list_column

        inputs = np.load(folder / "item_input.npy", mmap_mode="r")
        for batch in batches:
            made = {
                "vector": list_column(user_matrix(batch, inputs, parameters.encoder)),
                **history_shares(batch, parameters),
            }
            columns = [made[name] if name in made else batch.column(name) for name in names]
            yield pa.RecordBatch.from_arrays(columns, names)

    return users.mapInArrow(embed, USER_VECTORS.ddl)
