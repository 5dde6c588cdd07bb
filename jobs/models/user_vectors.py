"""User vectors and history shares, for Arrow batches of histories."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder

if TYPE_CHECKING:
    import pyarrow as pa


def user_matrix(batch: "pa.RecordBatch", inputs: np.ndarray, encoder: UserEncoder) -> np.ndarray:
    """Return the vectors of the users of a batch, float32 (n, D), from its columns items, ages and weights."""
    result = np.empty((batch.num_rows, inputs.shape[1]), dtype=np.float32)
    for row, (items, ages, weights) in enumerate(_events(batch)):
        result[row] = encoder.user_vector(inputs[items], ages, weights)
    return result


def history_shares(batch: "pa.RecordBatch", parameters: ScoreParameters) -> "dict[str, pa.ListArray]":
    """Return the columns history, shares and repeats, one list a user of the batch.

    history: the different items of the user, rising. shares, repeats: for each of them the sums of
    `ScoreParameters.transition_shares` and `ScoreParameters.repeat_shares` over its events.
    """
    import pyarrow as pa

    users = []
    for items, ages, weights in _events(batch):
        found, place = np.unique(items, return_inverse=True)
        parts = (parameters.transition_shares(ages, weights), parameters.repeat_shares(ages, weights))
        users.append((found, *(np.bincount(place, weights=part, minlength=len(found)) for part in parts)))
    ends = pa.array(np.cumsum([0, *(len(found) for found, _, _ in users)]).astype(np.int32))
    kinds = {"history": np.int32, "shares": np.float32, "repeats": np.float32}
    columns = {name: [user[n] for user in users] or [np.empty(0)] for n, name in enumerate(kinds)}
    return {
        name: pa.ListArray.from_arrays(ends, pa.array(np.concatenate(columns[name]).astype(kind)))
        for name, kind in kinds.items()
    }


def _events(batch: "pa.RecordBatch") -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield items, ages and weights of each user's history."""
    ends = batch.column("items").offsets.to_numpy()
    items, ages, weights = (
        batch.column(name).values.to_numpy(zero_copy_only=False) for name in ("items", "ages", "weights")
    )
    for a, b in pairwise(ends):
        yield items[a:b], ages[a:b].astype(float), weights[a:b].astype(float)
