"""Pretraining on problems: the sequences of several shops side by side, and what is measured on each."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.evaluation.harness import ranked
from jobs.evaluation.methods.daybreak import Daybreak, write_sequences
from jobs.evaluation.metrics.ranking import user_metrics
from jobs.evaluation.problems.problem import Problem
from jobs.evaluation.slices import wanted
from jobs.infra.logging import log_line
from jobs.models.pretrained.store import LearnedFrom, Pretrained

ALIKE = (4.0, 8.0, 16.0, 32.0, 64.0)
"""Weights of likeness to choose from, for shops without histories."""
MEASURED = 1000
"""At most so many users of each shop are measured to choose."""
CUTOFF = 10


class TextsOfShop(NamedTuple):
    """The text vectors of a problem's items, and what made them."""

    vectors: NDArray[np.float32]
    """(N, T)."""
    model: str
    """As `jobs.models.content.text_encoder.identity` tells it."""
    max_tokens: int


def pretrain_on(problems: Sequence[Problem], texts: Sequence[TextsOfShop], preset: str) -> Pretrained:
    """Learn from the training events of all problems, whose text vectors are of one model, with a preset's settings.

    Then each problem is taken as a shop without histories: the weight of likeness is the one with the highest mean
    NDCG@CUTOFF over them, on what their users took next.

    Raises DataError where no user has two days, or no item a text.
    """
    import torch

    from jobs.models.pretrained.fit import TaughtItems, pretrain

    settings = Daybreak(preset).train
    shops: list[TaughtItems] = []
    files: list[Path] = []
    with tempfile.TemporaryDirectory() as scratch:
        first = 0
        for number, (problem, found) in enumerate(zip(problems, texts, strict=True)):
            if not found.vectors.any():
                raise DataError(f"{problem.name}: no item has a text: nothing that another shop could begin with")
            files += write_sequences(problem, settings.max_history, Path(scratch) / str(number), first)
            shops.append(TaughtItems(np.bincount(problem.train.items, minlength=len(problem.items)), found.vectors))
            first += len(problem.items)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        made = pretrain(
            files, shops, settings, text_model=texts[0].model, max_tokens=texts[0].max_tokens, device=device
        )
    sources = tuple(LearnedFrom(len(one.train), len(one.items), len(one.train.items)) for one in problems)
    made = replace(made, sources=sources)
    reached = {
        alike: float(
            np.mean([_without_histories(made, preset, *one, alike) for one in zip(problems, texts, strict=True)])
        )
        for alike in ALIKE
    }
    alike = max(reached, key=lambda one: reached[one])
    log_line("pretrain", "likeness", chosen=alike, **{f"ndcg_{weight:g}": value for weight, value in reached.items()})
    return replace(made, alike=alike)


def _without_histories(made: Pretrained, preset: str, problem: Problem, texts: TextsOfShop, alike: float) -> float:
    """The NDCG of a shop whose users' histories nobody learned from, with a weight of likeness."""
    some = wanted(problem, masked=True)
    users = some.users
    if len(users) > MEASURED:
        users = np.sort(np.random.default_rng(0).choice(users, MEASURED, replace=False))
    measured = problem.with_users(users).learning_from(0.0)
    method = Daybreak(preset, pretrained=replace(made, alike=alike))
    method.fit(measured, texts=texts.vectors)
    lists = ranked(method, measured, CUTOFF, masked=True)
    kept = wanted(measured, masked=True)
    return float(user_metrics(lists[kept.users], kept.truth, (CUTOFF,))[f"ndcg@{CUTOFF}"].mean())
