"""The ranker of a run on disk.

ranker.npy         float32, `lookup.scoring.ranker.Weights.flat`
usual_price.npy    float32 (I,), NaN where unknown
ranker.json        facts for the manifest, and rows of the release's metrics
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.scoring.ranker import Weights

FOLDER = "ranker"
"""The folder in a run. A night without a ranker has no such folder."""


def write_ranker(
    folder: Path,
    weights: Weights,
    usual_price: NDArray[np.float32],
    about: dict[str, Any],
    metrics: list[dict[str, Any]],
) -> None:
    """Write the ranker to a new folder.

    usual_price: of each item, (I,), NaN where unknown. about: facts for the manifest of the release. metrics: rows of
    the release's metrics.
    """
    folder.mkdir()
    np.save(folder / "ranker.npy", weights.flat())
    np.save(folder / "usual_price.npy", usual_price)
    (folder / "ranker.json").write_text(json.dumps({"about": about, "metrics": metrics}, indent=2) + "\n")
