"""Measuring a search on judged queries: whatever is chosen for a query is chosen on other queries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.search.answers import Answer, Encode, answer, judged_list
from jobs.evaluation.search.baselines import TUNED, Baselines
from jobs.evaluation.search.choosing import WordsChoice
from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import METRICS
from jobs.evaluation.search.shop import JOB, TableShop
from jobs.evaluation.search.slices import misspelt, slices
from jobs.infra.logging import Progress, log_line
from jobs.models.lexical.query_words import QueryWords, positions_of
from jobs.models.query_encoder.table import units
from jobs.models.query_ranker.posterior import Posterior
from lookup.retrieval.lexical.build import Parameters
from lookup.retrieval.lexical.counts import FIELDS
from lookup.search.ranker import DEFAULT, NAMES
from lookup.search.searcher import Searcher

FOLDS, SEED = 5, 0
FEWEST = 5
"""Queries that the smallest evaluation has."""
DAY, NIGHT = "Daybreak", "Daybreak, transformer as its encoder"
UNKNOWN = ("user", "new", "popular")
"""Features that a table of products says nothing of."""
Metrics = NDArray[np.float64]
"""(n, len(METRICS)), a row a query."""


@dataclass(frozen=True)
class Chosen:
    """What was chosen on some queries."""

    parameters: Parameters
    weights: dict[str, float]
    """Of the ranker, by name."""

    @property
    def vector(self) -> NDArray[np.float64]:
        """The weights in the order of features."""
        return np.array([self.weights.get(name, 0.0) for name in NAMES])


@dataclass(frozen=True)
class SearchResults:
    """What a search is worth, by method and query."""

    methods: dict[str, Metrics]
    slices: dict[str, NDArray[np.bool_]]
    folds: list[Chosen]
    """What was chosen for each fold."""
    final: Chosen
    """What all queries together choose: for a release of this shop."""
    misspelt: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """The queries that got a wrong letter."""
    corrupted: Metrics = field(default_factory=lambda: np.zeros((0, len(METRICS))))
    """Daybreak's metrics of these with it."""

    @property
    def lost(self) -> tuple[float, float]:
        """The share of the judged-only and of the whole-catalogue NDCG@10 that a wrong letter costs."""
        known = ~np.isnan(self.corrupted[:, 1])
        before, after = self.methods[DAY][self.misspelt][known], self.corrupted[known]
        shares = (before[:, :2].sum(axis=0) - after[:, :2].sum(axis=0)) / np.maximum(before[:, :2].sum(axis=0), 1e-12)
        return float(shares[0]), float(shares[1])


class SearchEvaluation:
    """Measures Daybreak and baselines over a table of products and its judged queries.

    folds: of the queries; that many times everything is chosen on the rest.
    """

    def __init__(self, shop: TableShop, judgements: Judgements, folds: int = FOLDS):
        self.shop, self.judgements = shop, judgements
        order = np.random.default_rng(SEED).permutation(len(judgements))
        self._folds: list[list[int]] = [fold.tolist() for fold in np.array_split(order, min(folds, len(judgements)))]

    def run(self) -> SearchResults:
        """Do it all; a log tells how far it is."""
        methods = self._baselines()
        log_line(JOB, "baselines", queries=len(self.judgements))
        for name in (DAY, NIGHT, TUNED):
            methods[name] = np.zeros((len(self.judgements), len(METRICS)))
        wrong: dict[int, list[float]] = {}
        folds, progress = [], Progress(JOB, "folds", len(self._folds), every=0)
        for place, left_out in enumerate(self._folds, 1):
            folds.append(self._fold(left_out, methods, wrong))
            progress.at(place)
        parameters = self._words_choice.mean()
        searcher = self.shop.searcher(parameters)
        final = _chosen(parameters, self._learned(self._answers(searcher), np.arange(len(self.judgements))))
        order = sorted(wrong)
        return SearchResults(
            methods,
            slices(searcher.index, self.judgements.queries, self.shop.products.brands),
            folds,
            final,
            np.array(order, np.int64),
            np.array([wrong[query] for query in order]).reshape(-1, len(METRICS)),
        )

    def _fold(self, left_out: list[int], methods: dict[str, Metrics], wrong: dict[int, list[float]]) -> Chosen:
        """Choose on all other queries, and measure on these.

        Fills in the rows of these queries in methods, and in wrong their metrics with a wrong letter.
        """
        taught = np.setdiff1d(np.arange(len(self.judgements)), left_out)
        parameters = self._words_choice.mean(taught)
        searcher, impacts = self.shop.searcher(parameters), self._words.impacts(parameters)
        weights = {}
        for name, encode in ((DAY, None), (NIGHT, self._encode)):
            answers = self._answers(searcher, encode)
            weights[name] = self._learned(answers, taught)
            for query in left_out:
                methods[name][query] = self._metrics(answers[query], weights[name], query)
        for query in left_out:
            methods[TUNED][query] = self._plain.ranked_by(impacts, query).metrics(self.judgements, query)
            text = misspelt(self.judgements.queries[query], np.random.default_rng([SEED, query]))
            if text is not None:
                found = answer(searcher, text, self.judgements.rows[query])
                wrong[query] = self._metrics(found, weights[DAY], query)
        return _chosen(parameters, weights[DAY])

    @cached_property
    def _words(self) -> QueryWords:
        queries = [positions_of(query, self.shop.analyzer) for query in self.judgements.queries]
        return QueryWords(self.shop.counts, queries)

    @cached_property
    def _words_choice(self) -> WordsChoice:
        texts = self.shop.products.texts
        fields = [name for place, name in enumerate(FIELDS) if any(one[place] for one in texts)]
        return WordsChoice(self._words, self.judgements, fields)

    @cached_property
    def _plain(self) -> Baselines:
        vectors = self.shop.vectors
        titles = vectors(self.shop.products.titles)
        return Baselines(self._words, self.judgements, vectors(self.judgements.queries), titles, self.shop.item_vectors)

    def _baselines(self) -> dict[str, Metrics]:
        return {
            name: np.array(
                [
                    self._plain.ranked(name, query).metrics(self.judgements, query)
                    for query in range(len(self.judgements))
                ]
            )
            for name in self._plain.methods
        }

    def _encode(self, query: str) -> NDArray[np.float32]:
        """The transformer's vector of a query in the space of the items of the index."""
        return np.asarray(units(self.shop.vectors([query]) @ self.shop.learned.projection)[0])

    def _answers(self, searcher: Searcher, encode: Encode | None = None) -> list[Answer]:
        """Those to all queries."""
        asked = zip(self.judgements.queries, self.judgements.rows, strict=True)
        return [answer(searcher, query, rows, encode) for query, rows in asked]

    def _learned(self, answers: Sequence[Answer], queries: NDArray[np.integer]) -> NDArray[np.float64]:
        """The weights of the ranker that some queries teach, (F,)."""
        lists = [judged_list(answers[query], self.judgements, query) for query in queries.tolist()]
        prior = np.array([DEFAULT.get(name, 0.0) for name in NAMES])
        return Posterior(lists, prior, np.array([name not in UNKNOWN for name in NAMES])).mean()

    def _metrics(self, found: Answer, weights: NDArray[np.float64], query: int) -> list[float]:
        return found.ranked(weights, self.judgements.rows[query]).metrics(self.judgements, query)


def _chosen(parameters: Parameters, weights: NDArray[np.float64]) -> Chosen:
    return Chosen(parameters, dict(zip(NAMES, weights.tolist(), strict=True)))
