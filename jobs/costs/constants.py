"""The constants of the simulation: what a core does in a second, as the benchmark `constants` measures it."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError

BENCHMARK = "`python -m tests.benchmarks constants`"


@dataclass(frozen=True, kw_only=True)
class Constants:
    """What one core does in a second, and a GPU; bytes of what a release holds beside its arrays."""

    machine: str
    """On which all but the GPU's were measured."""
    products: float
    """Multiplications of exact top-K: users × items × coordinates."""
    texts: float
    """Texts of some ten tokens that the packaged text model reads."""
    user_vectors: float
    """Histories that become vectors, with the sums that lists need."""
    fit_users: float
    """Users that the fit of the behaviour model sees, an epoch."""
    index_items: float
    """Items whose words, spelling, suggestions and Annoy trees are made, and whose release is written."""
    spark_events: float
    """Events that `ingest` reads, checks and writes, and that are grouped into histories."""
    annoy_bytes: float
    """Of the Annoy index, for each item, beside 4 for each coordinate."""
    catalog_bytes: float
    """Of the catalog, for each place of a list."""
    gpu: str
    """On which the last two were measured, by `python -m tests.benchmarks gpu`."""
    gpu_products: float
    gpu_texts: float

    def to_json(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)


MEASURED = Constants(
    machine="AMD EPYC (AVX512), Python 3.11.7, torch 2.13.0+cpu",
    products=1.265e11,
    texts=468.8,
    user_vectors=18_180.0,
    fit_users=300.0,
    index_items=692.0,
    spark_events=38_020.0,
    annoy_bytes=397.0,
    catalog_bytes=11.9,
    gpu="NVIDIA H200",
    gpu_products=1.191e12 * 128,
    gpu_texts=138_414.0,
)
"""As the benchmark measured them: 4,096 users × 200,000 items × 193 coordinates, 600 texts, 20,000 histories of 50
events, an epoch of 600 users and 20,000 items, an index of 4,000 items, 2 million events. On the GPU 131,072 users ×
1,000,000 items × 128 coordinates, from arrays to arrays, and 200,000 titles of 16 tokens, from strings to arrays."""


def read(file: Path) -> Constants:
    """Constants that the benchmark wrote. Raises ConfigError, naming file and key, where they are not as expected."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: no JSON: {error}; {BENCHMARK} --out FILE writes one") from None
    known = {one.name: one.type for one in fields(Constants)}
    if not isinstance(data, dict) or set(data) != set(known):
        raise ConfigError(f"{file}: an object with {', '.join(known)} expected")
    for name, kind in known.items():
        value = data[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if kind is str and not isinstance(value, str):
            raise ConfigError(f"{file}: {name} must be a text, not {value!r:.80}")
        if kind is float and not (number and math.isfinite(value) and value > 0):
            raise ConfigError(f"{file}: {name} must be a number more than 0, not {value!r:.80}")
    return Constants(**data)
