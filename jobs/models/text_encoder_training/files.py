"""A fine-tuning between files: what a process of its own is told, and what it leaves.

The folder holds `texts.parquet` (the items' texts) and `pairs.parquet`; afterwards `fitted.json`, and `model/` where
the model became better.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from jobs.config.learning import EmbedConfig
from jobs.infra.storage.shipped import Shipped, model_here
from jobs.models.text_encoder_training.model_store import MODEL
from jobs.models.text_encoder_training.pairs import Pair

TEXTS, PAIRS, FITTED = "texts.parquet", "pairs.parquet", "fitted.json"


class Training(NamedTuple):
    """What the process of a fine-tuning is told."""

    start: Shipped | str
    """The text model that the training starts from: a folder, or one of a hub."""
    embed: EmbedConfig
    settings: dict[str, Any]
    """`FineTuneSettings`, which a driver without torch can tell."""


def write_material(folder: Path, texts: Sequence[str], pairs: Sequence[Pair]) -> None:
    """Write the items' texts and the pairs."""
    pl.DataFrame({"text": texts}, schema={"text": pl.String}).write_parquet(folder / TEXTS)
    kinds = {"query": pl.String, "item": pl.Int64, "source": pl.String, "own": pl.Int64}
    pl.DataFrame(pairs, schema=kinds, orient="row").write_parquet(folder / PAIRS)


def train_files(rank: int, device: str, folder: Path, training: Training) -> None:
    """Fine-tune in this process. rank: there is one process, 0. device: its torch device. folder: of the material."""
    import torch

    from jobs.models.content.text_encoder import TextEncoder
    from jobs.models.text_encoder_training.fit import FineTuneSettings, fine_tune

    options, threads = training.embed, torch.get_num_threads()
    texts = pl.read_parquet(folder / TEXTS)["text"].to_list()
    pairs = [Pair(*row) for row in pl.read_parquet(folder / PAIRS).iter_rows()]
    if device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)
    try:
        encoder = TextEncoder(
            model_here(training.start),
            max_tokens=options.max_tokens,
            batch_tokens=options.batch_tokens,
            precision="float32",
            pickles=options.pickles,
            device=device,
        )
        found = fine_tune(encoder, texts, pairs, FineTuneSettings(**training.settings))
    finally:
        torch.set_num_threads(threads)  # a worker of Spark goes on to other tasks
    if found.kept:
        encoder.save(folder / MODEL)
    said = {
        "kept": found.kept,
        "losses": found.losses,
        "pairs": found.taught,
        "device": device,
        "changes": [change._asdict() for change in found.changes],
    }
    (folder / FITTED).write_text(json.dumps(said))


def read_fitted(folder: Path) -> dict[str, Any]:
    """Read what came of it: `kept`, `losses`, `pairs`, `device`, and `changes`, the figures of `held_out.Change`."""
    found: dict[str, Any] = json.loads((folder / FITTED).read_text())
    return found
