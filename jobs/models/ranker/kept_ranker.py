"""Rankers that outlive their night, as behaviour models do: `<work>/rankers/<date of the fit>-<fingerprint>/`.

ranker.npy     float32, `lookup.scoring.ranker.Weights.flat`
ranker.json    `about` and `metrics` (`ranker_store`), and the sha256 of the other

The fingerprint stands for all that a fit depends on beside the rows: features, settings, and the space of the vectors.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jobs.infra.logging import log_line
from jobs.infra.runs import NAME
from jobs.infra.storage.disk import remove
from lookup.errors import ReleaseError
from lookup.scoring import features
from lookup.scoring.ranker import Weights

FOLDER = "rankers"
"""In `shop.work`."""
FACTS = "ranker.json"
WEIGHTS = "ranker.npy"
DIGITS = 16


class KeptRanker(NamedTuple):
    """A ranker that an earlier night fitted, or an earlier try of this one."""

    weights: Weights
    about: dict[str, Any]
    metrics: list[dict[str, Any]]


def fingerprint(facts: Mapping[str, Any]) -> str:
    """What tells the rankers of these facts from others. facts: settings and the space; the features are added."""
    made = hashlib.sha256(Path(features.__file__).read_bytes())
    made.update(json.dumps([list(features.NAMES), facts], sort_keys=True, default=str).encode())
    return made.hexdigest()[:DIGITS]


def keep(work: Path, day: date, known_by: str, ranker: KeptRanker) -> None:
    """Keep a ranker that was fitted in the night of a day, whole or not at all. known_by: its `fingerprint`."""
    folder = work / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{day.isoformat()}-{known_by}"
    new = folder / f".{final.name}.{uuid.uuid4().hex[:8]}"
    try:
        new.mkdir()
        np.save(new / WEIGHTS, ranker.weights.flat())
        said = {"about": ranker.about, "metrics": ranker.metrics, "sha256": _sha256(new / WEIGHTS)}
        (new / FACTS).write_text(json.dumps(said, indent=2) + "\n")
        remove(final)
        new.rename(final)
    finally:
        remove(new)


def newest(work: Path, day: date, known_by: str, max_age_days: int) -> KeptRanker | None:
    """The newest ranker of a fingerprint that was fitted at most so many days before the night of a day, or on it.

    None where there is none. What is damaged is removed, and the log says so.
    """
    found = ((path.name[:10], path) for path in (work / FOLDER).glob(f"*-{known_by}"))
    first = (day - timedelta(days=max_age_days)).isoformat()
    young = (path for name, path in found if NAME.fullmatch(name) and first <= name <= day.isoformat())
    for path in sorted(young, reverse=True):
        try:
            said = json.loads((path / FACTS).read_text())
            if said["sha256"] != _sha256(path / WEIGHTS):
                raise ValueError(f"{WEIGHTS} is not what was written")
            weights = Weights.of(np.load(path / WEIGHTS, allow_pickle=False), int(said["about"]["hidden"]))
            os.utime(path / FACTS)
            return KeptRanker(weights, said["about"], said["metrics"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, ReleaseError) as error:
            log_line("train_ranker", "ranker-damaged", folder=path, why=str(error), remedy="another is fitted")
            remove(path)
    return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
