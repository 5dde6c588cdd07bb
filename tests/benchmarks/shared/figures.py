"""The committed figures: the ratio and the noise of each row, by kind of machine, in a small text file.

Ratios of one kind of machine say little of another, so each has its own; on others nothing is compared.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.shared.contest import Row

FILE = Path(__file__).parents[1] / "figures.toml"
LEAST_NOISE = 0.05
"""A few repeats of one run know too little of the noise; a smaller change is none."""


class Figure(NamedTuple):
    """What was committed of a row."""

    ratio: float
    noise: float


def committed(kind: str, file: Path = FILE) -> dict[str, Figure]:
    """The figures of a kind of machine by the keys of rows; none where there are none."""
    told = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {key: Figure(*pair) for key, pair in told.get(kind, {}).items()}


def commit(kind: str, rows: Sequence[Row], file: Path = FILE) -> None:
    """Write the figures of a kind of machine over its earlier ones. What this run did not measure stays."""
    told = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    new = {row.key: [float(f"{row.ratio:.4g}"), float(f"{row.noise:.2g}")] for row in rows if row.ratio is not None}
    told[kind] = told.get(kind, {}) | new
    lines = [HEAD]
    for machine, figures in told.items():
        lines.append(f"\n[{json.dumps(machine, ensure_ascii=False)}]")
        lines += [f"{json.dumps(key, ensure_ascii=False)} = {pair}" for key, pair in figures.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


HEAD = """# What `make bench` compares with, by kind of machine: how many times better than the peer, and its noise.
# `make bench KEEP=1` on a quiet machine writes them."""


def worse(rows: Sequence[Row], known: Mapping[str, Figure]) -> list[str]:
    """What is worse than it was by more than the noise of both runs, a sentence each."""
    found = []
    for row in rows:
        before = known.get(row.key)
        if before is None or row.ratio is None:
            continue
        noise = max(LEAST_NOISE, row.noise + before.noise)
        if row.ratio < before.ratio * (1 - noise):
            found.append(f"{row.key}: {row.ratio:.3g} x, before {before.ratio:.3g} x, noise {noise:.0%}")
    return found
