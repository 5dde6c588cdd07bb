"""What is compared: the lists of Daybreak and of the baselines, for a block of users. Numpy and torch, no Spark."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.embed_users.histories import user_matrix
from jobs.topk.exact import Lists, top_k
from lookup.encoder import Encoder

if TYPE_CHECKING:
    import pyarrow as pa

METHODS = ("daybreak", "popular", "own purchases")


@dataclass(frozen=True)
class Users:
    """A block of users with something to find."""

    vectors: NDArray[np.float32]
    """(n, D)."""
    history: list[NDArray[np.int32]]
    """Item rows, with repeats, of each user."""
    without: list[NDArray[np.int32]]
    """Item rows that must not be listed for each user; empty where had items may be."""
    truth: list[NDArray[np.int32]]
    """Item rows that each user took in the held-out days; none is empty."""


def take_users(batch: "pa.RecordBatch", inputs: NDArray[np.float32], encoder: Encoder, masked: bool) -> Users:
    """The users of a batch of `histories` with `truth`; masked: items that a user has had are not wanted."""
    import pyarrow as pa

    def rows(name: str) -> list[NDArray[np.int32]]:
        return [np.asarray(one, dtype=np.int32) for one in batch.column(name).to_pylist()]

    bought, truth = rows("bought"), rows("truth")
    if masked:
        truth = [np.setdiff1d(wanted, had) for wanted, had in zip(truth, bought, strict=True)]
    kept = [n for n, wanted in enumerate(truth) if len(wanted)]
    history, none = rows("items"), np.empty(0, dtype=np.int32)
    return Users(
        vectors=user_matrix(batch.take(pa.array(kept, pa.int64())), inputs, encoder),
        history=[history[n] for n in kept],
        without=[bought[n] if masked else none for n in kept],
        truth=[truth[n] for n in kept],
    )


def lists(
    users: Users, items: NDArray[np.float32], popular: NDArray[np.int32], length: int, *, item_block: int, device: str
) -> dict[str, NDArray[np.int32]]:
    """Each method's lists, int32 (n, length), -1 after the last.

    popular: item rows, best first. "own purchases" is what the user had most often, then what is popular.
    """
    ends = np.cumsum([0, *map(len, users.without)])
    exclude = Lists(ends, np.concatenate(users.without)) if ends[-1] else None
    found, _ = top_k(users.vectors, items, length, exclude=exclude, item_block=item_block, device=device)
    own = [most_frequent(history) for history in users.history]
    return {
        "daybreak": found,
        "popular": np.stack([fill(popular[:0], popular, w, length) for w in users.without]),
        "own purchases": np.stack([fill(o, popular, w, length) for o, w in zip(own, users.without, strict=True)]),
    }


def most_frequent(items: NDArray[np.int32]) -> NDArray[np.int32]:
    """The different items of a history, the most frequent first, ties by item row."""
    own, times = np.unique(items, return_counts=True)
    return own[np.argsort(-times, kind="stable")]


def fill(
    first: NDArray[np.int32], then: NDArray[np.int32], without: NDArray[np.int32], length: int
) -> NDArray[np.int32]:
    """A list of `first`, filled up from `then`, each item once and none of `without`; -1 after the last."""
    joined = np.concatenate([first, then])
    _, places = np.unique(joined, return_index=True)
    ordered = joined[np.sort(places)]
    ordered = ordered[~np.isin(ordered, without)][:length]
    return np.pad(ordered, (0, length - len(ordered)), constant_values=-1).astype(np.int32)
