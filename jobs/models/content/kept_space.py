"""What a space was fitted to, kept as long as the behaviour model is: otherwise one new text would move every vector.

The components of texts and pictures, and the bias of cold items, belong to a space as the model does. They are fitted
anew with each model, and where too many texts are others than they were fitted to.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.infra.logging import log_line
from jobs.infra.storage.disk import whole_file
from jobs.models.content.space import Basis

SAMPLE = 8192
"""About so many of the texts that a space was fitted to are remembered, by a hash …"""
MOST_NEW = 0.1
"""… and where more than this share of tonight's are others, it is fitted anew."""

Hashes = NDArray[np.int64]


@dataclass(frozen=True)
class FittedSpace:
    """What was fitted to the vectors of a night."""

    bases: Mapping[str, Basis]
    """Of each content part, by name."""
    cold_bias: float
    every: int
    """One in so many texts and pictures is remembered: those whose hash it divides."""
    seen: Mapping[str, Hashes]
    """Of each part, by name: these hashes, rising."""

    def holds(self, tonight: Mapping[str, Hashes]) -> bool:
        """Whether it may stand for the texts and pictures of tonight. tonight: as `seen`."""
        if tonight.keys() != self.bases.keys():
            return False
        shares = [np.isin(found, self.seen[name], invert=True).mean() for name, found in tonight.items() if len(found)]
        return max(shares, default=0.0) <= MOST_NEW

    @property
    def digest(self) -> str:
        """Changes with what was fitted."""
        said = hashlib.sha256(repr(self.cold_bias).encode())
        for name, basis in sorted(self.bases.items()):
            said.update(name.encode() + basis.mean.tobytes() + basis.components.tobytes())
        return said.hexdigest()

    def write(self, path: Path) -> None:
        """Write it whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {"cold_bias": self.cold_bias, "every": self.every}
        for name, basis in self.bases.items():
            arrays |= {f"mean_{name}": basis.mean, f"components_{name}": basis.components}
            arrays[f"seen_{name}"] = self.seen[name]
        with whole_file(path) as file:
            np.savez(file, **arrays)

    @classmethod
    def read(cls, path: Path) -> "FittedSpace | None":
        """Read it; None where there is none, or a damaged one, which the log tells."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            names = [name.removeprefix("mean_") for name in arrays if name.startswith("mean_")]
            bases = {name: Basis(arrays[f"mean_{name}"], arrays[f"components_{name}"]) for name in names}
            seen = {name: arrays[f"seen_{name}"] for name in names}
            os.utime(path)
            return cls(bases, float(arrays["cold_bias"]), int(arrays["every"]), seen)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log_line("embed_items", "space-damaged", file=path, why=str(error), remedy="it is fitted anew")
            return None


def path_of(work: Path, facts: Mapping[str, Any]) -> Path:
    """The file of a fitted space. facts: all that it depends on but the texts and pictures."""
    said = json.dumps(facts, sort_keys=True)
    return work / "spaces" / f"{hashlib.sha256(said.encode()).hexdigest()[:16]}.npz"


def one_in(count: int) -> int:
    """How many texts stand behind each that is remembered: a power of two."""
    every = 1
    while count > SAMPLE * every:
        every *= 2
    return every
