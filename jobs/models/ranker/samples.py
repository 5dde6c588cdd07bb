"""Samples of impressions: what the ranker learns from, and what it is measured on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookup.scoring.features import NAMES


@dataclass(frozen=True)
class RankerSample:
    """A weighted sample of n impressions, (n,) each."""

    features: NDArray[np.float32]
    """(n, F), in the order of `lookup.scoring.features.NAMES`."""
    clicked: NDArray[np.bool_]
    converted: NDArray[np.bool_]
    """True only for clicked impressions."""
    weights: NDArray[np.float32]
    """How many impressions each stands for."""
    users: NDArray[np.int64]
    """The number of the user."""

    def where(self, chosen: NDArray[np.bool_]) -> "RankerSample":
        """Return some of the impressions. chosen: (n,)."""
        return RankerSample(*(part[chosen] for part in vars(self).values()))

    def least(self) -> int:
        """Return the size of the rarest kind: converted, clicked only, neither."""
        clicked, converted = int(self.clicked.sum()), int(self.converted.sum())
        return min(converted, clicked - converted, len(self.clicked) - clicked)


def read_sample(folder: Path) -> tuple[RankerSample, NDArray[np.datetime64]]:
    """Read table `impressions` from its folder: the sample, and the day of each impression, (n,).

    The order depends on the impressions alone, not on how the table was written.
    """
    import polars as pl

    frame = pl.read_parquet(sorted(folder.glob("*.parquet")), glob=False, hive_partitioning=False).sort(
        "user_id", "item", "time"
    )
    sample = RankerSample(
        features=frame["features"].explode().to_numpy().reshape(-1, len(NAMES)),
        clicked=frame["clicked"].to_numpy(),
        converted=frame["converted"].to_numpy(),
        weights=frame["weight"].to_numpy(),
        users=frame["user_id"].rank("dense").to_numpy().astype(np.int64),
    )
    return sample, frame["time"].dt.date().to_numpy()
