"""Shops whose texts lie on a circle: people go round, a sixth of it in a step."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.models.pretrained import fit
from jobs.models.pretrained.fit import TaughtItems, pretrain
from jobs.models.pretrained.store import Pretrained
from tests.jobs.models.made import settings

STEP = 2 * np.pi / 6


def circle(items: int) -> np.ndarray:
    """Text vectors of length 1, float32 (items, 2)."""
    angles = 2 * np.pi * np.arange(items) / items
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def sequences(path: Path, items: int, first: int = 0) -> Path:
    """Users who begin everywhere and take a step."""
    walks = [[first + (start + n * items // 6) % items for n in range(2)] for start in range(items)]
    ones = [[1.0] * 2] * items
    kinds = {"items": pl.List(pl.Int32), "days": pl.List(pl.Int32), "weights": pl.List(pl.Float32)}
    rows = {"items": walks, "days": [[0, 1]] * items, "weights": ones}
    pl.DataFrame(rows, schema=kinds).write_parquet(path)
    return path


def taught(folder: Path, monkeypatch: pytest.MonkeyPatch, shops: tuple[int, ...] = (24,), **changed) -> Pretrained:
    """A model that learned, quickly, from shops with so many items."""
    monkeypatch.setattr(fit, "EPOCHS", 40)
    monkeypatch.setattr(fit, "LEARNING_RATE", 0.03)
    firsts = np.cumsum([0, *shops])
    files = [sequences(folder / f"{n}.parquet", items, int(firsts[n])) for n, items in enumerate(shops)]
    made = [TaughtItems(np.full(items, 2), circle(items)) for items in shops]
    options = settings(dimensions=4, input_dropout=0.0, event_dropout=0.0, users_per_batch=30, **changed)
    return pretrain(files, made, options, text_model="m" * 64, max_tokens=128, device="cpu")


def renewed(made: Pretrained, **changed) -> Pretrained:
    return dataclasses.replace(made, **changed)
