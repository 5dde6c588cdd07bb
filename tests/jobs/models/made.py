"""Small data to learn from, in the form that the job `train` writes."""

from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.examples import TrainingHistory, read_histories
from jobs.models.behaviour.model_store import Inputs

ROWS = np.arange(0, 40, 2, dtype=np.int64)
"""The item rows of the 20 items of the model: even ones."""


def settings(**changed) -> TrainConfig:
    small = {"dimensions": 8, "epochs": 3, "users_per_batch": 8, "half_lives": [1.0, 10.0], "fading": [0.5, 0.5]}
    plain = {"follow_power": 0.0, "first": 0.0, "first_popular": 0.0, "odds": 0.0}
    quick = {"learning_rate": 1e-2, "input_dropout": 0.2, "follow": 1.0, "samples": 0}  # few steps must do
    return TrainConfig(**{**small, **plain, **quick, **changed})


def write(path: Path, histories: list[list[tuple[int, int, float]]]) -> Path:
    """Write a file of table `sequences` with the events (item number, day, weight) of each user."""
    columns = {
        "items": [[int(ROWS[item]) for item, _, _ in events] for events in histories],
        "days": [[day for _, day, _ in events] for events in histories],
        "weights": [[weight for _, _, weight in events] for events in histories],
    }
    kinds = {"items": pl.List(pl.Int32), "days": pl.List(pl.Int32), "weights": pl.List(pl.Float32)}
    pl.DataFrame(columns, schema=kinds).write_parquet(path)
    return path


def round_and_round(folder: Path, users: int = 48, files: int = 2) -> list[Path]:
    """Write users who go round: after item n comes item n + 1, a day later."""
    starts = np.random.default_rng(3).integers(0, 20, users)
    people = [[((int(start) + n) % 20, 100 + n, 1.0) for n in range(8)] for start in starts]
    return [write(folder / f"{n}.parquet", people[n::files]) for n in range(files)]


def read(file: Path) -> list[TrainingHistory]:
    """Read the users of a file."""
    return read_histories(file, ROWS)


def inputs(attributes: int = 4) -> Inputs:
    """Inputs in which every item has one of some attributes, in turn."""
    one = sp.csr_array(np.eye(max(attributes, 1), dtype=np.float32)[np.arange(20) % max(attributes, 1)][:, :attributes])
    return Inputs(ROWS, np.full(20, 19, dtype=np.int64), one)
