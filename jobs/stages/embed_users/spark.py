"""The vectors of users, and the sums of their histories, from the events."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobs.infra.receipts.tasks import measured
from jobs.infra.tables import USER_VECTORS
from jobs.infra.vector_store import VectorStore
from jobs.models.user_vectors import history_shares, user_matrix

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


def vectors(users: "DataFrame", store: VectorStore) -> "DataFrame":
    """The columns of table USER_VECTORS, computed on executors.

    users: with histories, as `jobs.infra.frames.histories` makes them, and `user`.
    """
    parameters, names = store.score_parameters, USER_VECTORS.columns

    def embed(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        from jobs.infra.arrow import list_column

        inputs = store.array("item_input")
        for batch in batches:
            made = {
                "vector": list_column(user_matrix(batch, inputs, parameters.encoder)),
                **history_shares(batch, parameters),
            }
            columns = [made[name] if name in made else batch.column(name) for name in names]
            yield pa.RecordBatch.from_arrays(columns, names)

    return users.mapInArrow(measured(embed), USER_VECTORS.ddl)
