"""Models on disk: `<work>/models/<model id>/` holds `model.json` and the table `items` (`jobs.tables.MODEL_ITEMS`)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import MissingStepError
from jobs.tables import MODEL_ITEMS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Model:
    """A trained behaviour model."""

    path: Path
    id: str
    day: date
    """Of the night that trained it."""
    trained_until: date
    """It saw the events before this day; those after are held out for `evaluate`."""
    dimensions: int
    half_lives: tuple[float, ...]
    """Days; 0 never fades."""
    mix: tuple[float, ...]
    power: float
    facts: dict[str, Any]
    """What else `model.json` says: seconds, epochs, losses, counts."""

    def items(self, spark: "SparkSession") -> "DataFrame":
        """The table `MODEL_ITEMS` of this model."""
        return spark.read.schema(MODEL_ITEMS.ddl).parquet((self.path / "items").as_uri()).select(*MODEL_ITEMS.columns)


def digest(*arrays: NDArray[Any]) -> str:
    """Eight characters that tell these numbers from any others; equal fits have equal ones."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:8]


def read(path: Path) -> Model:
    """Read the model in a folder; raises OSError, KeyError or ValueError where it is not a whole one."""
    facts = json.loads((path / "model.json").read_text())
    return Model(
        path=path,
        id=facts.pop("id"),
        day=date.fromisoformat(facts.pop("day")),
        trained_until=date.fromisoformat(facts.pop("trained_until")),
        dimensions=int(facts.pop("dimensions")),
        half_lives=tuple(map(float, facts.pop("half_lives"))),
        mix=tuple(map(float, facts.pop("mix"))),
        power=float(facts.pop("power")),
        facts=facts,
    )


def newest(models: Path, day: date) -> Model | None:
    """The newest model of `day` or before; None where there is none. A model of a later night is from the future."""
    found = [read(p.parent) for p in models.glob("[!.]*/model.json")]
    past = [m for m in found if m.day <= day]
    return max(past, key=lambda m: (m.day, m.id), default=None)


def existing(models: Path, day: date) -> Model:
    """The newest model of `day` or before.

    Raises MissingStepError when there is none.
    """
    model = newest(models, day)
    if model is None:
        raise MissingStepError(f"{models}: no model of {day} or before: run `daybreak job train --date {day}` first")
    return model
