"""Daybreak itself as a method to measure: the functions of the night, without Spark."""

import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.config.learning import EmbedConfig, TrainConfig
from jobs.config.presets.settings import read
from jobs.evaluation.problems.problem import Histories, Problem
from jobs.infra.logging import Progress
from jobs.models.attributes import Vocabulary
from jobs.models.behaviour.encoding import Repeats, score_parameters
from jobs.models.behaviour.model_store import FITTED, Inputs
from jobs.models.content.space import (
    Basis,
    ColdStartModel,
    Content,
    Space,
    gram,
    shop_repeats,
    shop_transitions,
    with_one,
)
from jobs.models.content.text_encoder import identity, locate
from jobs.models.item_transitions import empty
from jobs.models.pretrained.store import Pretrained
from jobs.ranking.terms import HistoryBatch, ItemTransitions, terms
from lookup.scoring.parts import TEXT, Part

if TYPE_CHECKING:
    from jobs.models.behaviour.network import BehaviourModel

FILES = 4
"""Files of sequences; the night writes as many for one process."""
TEXTS = 2000
"""Texts that are embedded between two lines of progress."""
BASKET_DAYS = 14.0
"""Where only the order of baskets is known, each stands for so many days."""


class Daybreak:
    """Encoder, item transitions and space, fitted with a preset."""

    def __init__(
        self,
        preset: str,
        train: TrainConfig | None = None,
        embed: EmbedConfig | None = None,
        pretrained: Pretrained | None = None,
    ):
        """preset: a name of `jobs.config.presets`. train, embed: replace the preset's sections. pretrained: another
        shop's model, to begin with.
        """
        self.pretrained = pretrained
        sections = read(preset)
        self.train, self.embed = train or sections.train, embed or sections.embed
        self.name = f"daybreak {preset}" + (" from another shop" if pretrained else "")
        self.parameters = 0

    def fit(
        self,
        problem: Problem,
        *,
        texts: NDArray[np.float32] | None = None,
        after: Callable[[int], None] | None = None,
    ) -> None:
        """Fit as the night does: sequences, encoder, item transitions, then the vectors of all items.

        texts: the vectors that `text_vectors` makes of the items' texts, if they are known already. after: called after
        every epoch with its number, from 1. `scores` then answers with what the model has learned so far, but without
        item transitions, which are fitted last. An error in it ends the fit.

        Raises ConfigError when the text model cannot be loaded.
        """
        import torch

        from jobs.models.behaviour.fit import fit_files, fitted_numbers

        counts = np.bincount(problem.train.items, minlength=len(problem.items))
        rows = np.flatnonzero(counts) if self.pretrained is None else np.arange(len(counts))
        facts = ([problem.items.attributes[row] for row in rows], [problem.items.texts[row] for row in rows])
        vocabulary = Vocabulary.of(*facts)
        if texts is None:
            texts = text_vectors(problem.items.texts, self.embed)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        join = partial(self._join, problem, rows, vocabulary, texts)

        def after_epoch(call: Callable[[int], None], epoch: int, model: "BehaviourModel") -> None:
            none = empty(len(rows))
            join(fitted_numbers(model.cpu()) | {"next_item": none.items, "next_weight": none.weights})
            model.to(device)
            call(epoch)

        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            files = list(write_sequences(problem, self.train.max_history, folder))
            inputs = Inputs(rows, counts[rows], vocabulary.matrix(*facts))
            inputs.write(folder)
            if self.pretrained is not None:
                text_model = identity(locate(self.embed.model, Path()))
                self.pretrained.check(self.train, text_model, self.embed.max_tokens)
                self.pretrained.start(texts, inputs.attributes, self.train).write(folder)
            fit_files(files, folder, self.train, device, partial(after_epoch, after) if after else None)
            join(dict(np.load(folder / FITTED)))

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        given = given.newest(self.train.max_history)
        vectors = np.empty((len(given), self._input.shape[1]), dtype=np.float32)
        shares, repeated = (np.empty(len(given.items), dtype=np.float32) for _ in range(2))
        for user in range(len(given)):
            part = given.of(user)
            ages = self._pace * (at[user] - np.floor(given.days[part]))
            weights = given.weights[part].astype(np.float64)
            vectors[user] = self._parameters.encoder.user_vector(self._input[given.items[part]], ages, weights)
            shares[part] = self._parameters.transition_shares(ages, weights)
            repeated[part] = self._parameters.repeat_shares(ages, weights)
        own = HistoryBatch(given.offsets, given.items, shares, repeated)
        added = terms(own, self._transitions, self._parameters, vectors, self._vector)
        scores = vectors @ self._vector.T
        scores[np.repeat(np.arange(len(given)), np.diff(added.offsets)), added.items] += added.values
        return np.asarray(scores, dtype=np.float32)

    def _join(
        self,
        problem: Problem,
        rows: NDArray[np.int64],
        vocabulary: Vocabulary,
        texts: NDArray[np.float32],
        fitted: dict[str, NDArray[Any]],
    ) -> None:
        self._pace = pace(problem)
        n, heads, width = len(problem.items), len(fitted["maps"]), fitted["maps"].shape[1]
        # The width is spelled out because numpy cannot infer it where there are no attributes.
        vectors = fitted["label"].transpose(1, 0, 2).reshape(len(vocabulary.names), heads * width)
        cold_start = ColdStartModel(vocabulary, vectors, fitted["maps"], self.train.temperature)
        events = np.bincount(problem.train.items, minlength=n)[rows] > 0
        low = float(np.quantile(fitted["bias"][events], self.embed.cold_bias)) if events.any() else 0.0
        basis = Basis.of(gram(with_one(texts)), self.embed.dimensions)
        space = Space((Content(TEXT, basis, self.embed.weight),), cold_start, low)
        inputs, outputs = cold_start.vectors(problem.items.attributes, problem.items.texts)
        inputs[rows], outputs[rows] = fitted["x"], fitted["y"]
        biases, cold = np.zeros(n, dtype=np.float32), np.ones(n, dtype=bool)
        biases[rows], cold[rows] = fitted["bias"], ~events
        self._input, self._vector = space.join([texts], inputs, outputs, biases, cold)
        found = shop_transitions(rows, n, fitted["next_item"], fitted["next_weight"])
        self._transitions = ItemTransitions(*found, shop_repeats(rows, n, fitted["item_repeat"]))
        text = (Part(TEXT, 1, self.embed.weight), basis.width)
        repeats = Repeats.found(fitted)
        self._parameters = score_parameters(self.train, [width] * heads, fitted["mix"].tolist(), [text], repeats)
        self.parameters = int(fitted["x"].size + fitted["y"].size + n + (found[0] >= 0).sum())


def text_vectors(texts: list[str], settings: EmbedConfig, base: Path = Path()) -> NDArray[np.float32]:
    """Return the text model's vectors, float32 (N, its width); zeros of width 1 where there is no text at all.

    base: of a path in `settings.model`. Raises ConfigError when the text model cannot be loaded.
    """
    if not any(texts):
        return np.zeros((len(texts), 1), dtype=np.float32)
    return _embedded(tuple(texts), settings, base, TEXTS)


@lru_cache(maxsize=2)
def _embedded(texts: tuple[str, ...], settings: EmbedConfig, base: Path, at_once: int) -> NDArray[np.float32]:
    """See `text_vectors`: several methods ask for the vectors of the same texts."""
    from jobs.models.content.text_encoders import encoder_of

    encoder = encoder_of(settings, locate(settings.model, base))
    progress, parts = Progress("evaluate", "texts", len(texts)), []
    for first in range(0, len(texts), at_once):
        parts.append(encoder.encode(texts[first : first + at_once]))
        progress.at(min(first + at_once, len(texts)))
    return np.concatenate(parts)


def pace(problem: Problem) -> float:
    """How many days a step of a problem's `days` stands for."""
    return BASKET_DAYS if problem.protocol == "next basket" else 1.0


def write_sequences(problem: Problem, newest: int, folder: Path, first: int = 0) -> Iterator[Path]:
    """Write table `sequences` of the users with two days or more, in FILES files; yields their paths.

    Where the order of baskets is all that is known, the last one of each user is on the same day. first: the number of
    the first item; the others follow it.
    """
    train = problem.train.newest(newest)
    days = np.floor(train.days)
    if problem.protocol == "next basket" and len(days):
        last = np.zeros(len(train))
        last[train.lengths > 0] = days[train.offsets[1:][train.lengths > 0] - 1]
        days = pace(problem) * (days - last[train.users] + days.max())
    days = days.astype(np.int32)
    folder.mkdir(exist_ok=True)
    for number in range(FILES):
        parts = [train.of(user) for user in range(number, len(train), FILES)]
        parts = [p for p in parts if (days[p][0] != days[p][-1] if problem.ordered else p.stop - p.start > 1)]
        columns = {"items": train.items + np.int32(first), "days": days, "weights": train.weights}
        path = folder / f"part-{number}.parquet"
        pq.write_table(pa.table({name: _lists(values, parts) for name, values in columns.items()}), path)
        yield path


def _lists(values: NDArray[Any], parts: list[slice]) -> pa.ListArray:
    return pa.array([values[part] for part in parts], pa.list_(pa.from_numpy_dtype(values.dtype)))
