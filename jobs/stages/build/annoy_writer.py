"""The Annoy index over the items of a release."""

from pathlib import Path

import numpy as np
from annoy import AnnoyIndex
from numpy.typing import NDArray

from lookup.retrieval.annoy_index import AnnoyFact, norms, reduce_items

FILE = "items.ann"
SEED = 7
BLOCK = 8192


def build_index(release: Path, item_vector: NDArray[np.float32], trees: int) -> tuple[AnnoyIndex, AnnoyFact]:
    """Write `items.ann` into a release. item_vector: shape (I, D), I > 0. Returns the index, and how it was made."""
    items, dimensions = item_vector.shape
    blocks = range(0, items, BLOCK)
    norm = float(max(norms(item_vector[start : start + BLOCK]).max() for start in blocks))
    annoy = AnnoyIndex(dimensions + 1, "angular")
    annoy.set_seed(SEED)
    for start in blocks:
        for row, vector in enumerate(reduce_items(item_vector[start : start + BLOCK], norm), start):
            annoy.add_item(row, vector)
    annoy.build(trees, n_jobs=-1)
    annoy.save(str(release / FILE))
    return annoy, AnnoyFact(file=FILE, metric="angular", f=dimensions + 1, n=items, trees=trees, norm=norm)
