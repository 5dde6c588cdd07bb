"""Text similarity: what is most like the texts of a user's items. It knows no other user, and needs no event of any."""

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import EmbedConfig, TrainConfig
from jobs.config.presets.settings import read
from jobs.evaluation.methods.daybreak import text_vectors
from jobs.evaluation.problems.problem import Histories, Problem
from jobs.models.behaviour.encoding import transition_parameters
from jobs.models.content.space import Basis, gram, with_one

PRESET = "sequence"
"""Whose fading of events and whose text part it takes."""


class TextSimilarity:
    """The text part of a release alone: the cosine of an item's text to the user's events, faded as the preset says."""

    name = "text-similarity"

    def __init__(self, train: TrainConfig | None = None, embed: EmbedConfig | None = None):
        """train, embed: instead of the sections of PRESET."""
        sections = read(PRESET)
        self.train, self.embed = train or sections.train, embed or sections.embed
        self.parameters = 0

    def fit(self, problem: Problem, *, texts: NDArray[np.float32] | None = None) -> None:
        """See `Method.fit`. texts: as `text_vectors` makes them, where they are known already."""
        vectors = text_vectors(problem.items.texts, self.embed) if texts is None else texts
        self._texts = Basis.of(gram(with_one(vectors)), self.embed.dimensions).cut(vectors)
        self._parameters = transition_parameters(self.train)
        self.parameters = self._texts.size

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        users = np.zeros((len(given), self._texts.shape[1]), dtype=np.float32)
        for user in range(len(given)):
            part = given.of(user)
            ages, weights = at[user] - np.floor(given.days[part]), given.weights[part].astype(np.float64)
            shares = self._parameters.transition_shares(ages, weights).astype(np.float32)
            users[user] = shares @ self._texts[given.items[part]]
        return np.asarray(users @ self._texts.T, dtype=np.float32)
