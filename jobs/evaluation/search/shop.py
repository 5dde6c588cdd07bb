"""The search index of a table of products, built and opened as those of a release are."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.search.files.products import Products
from jobs.evaluation.search.files.query_log import SearchedLog
from jobs.evaluation.search.vectors import Matrix, TextVectors
from jobs.infra.logging import log_line
from jobs.models.content.text_encoder import tokenizer_of
from jobs.models.lexical.all_counts import parts
from jobs.models.query_encoder.learn import Learned, LearnSettings, learn
from jobs.models.query_encoder.table import units
from jobs.models.query_encoder.vocabulary import pieces_of
from jobs.models.query_log.languages import Languages, detect
from jobs.models.understanding.build import QuerySources
from jobs.search.build import ItemTable, build_search
from lookup.retrieval.lexical.build import Parameters, build
from lookup.retrieval.lexical.counts import Counts
from lookup.search import FILE, index_file
from lookup.search.index import Facts, SearchIndex
from lookup.search.searcher import Searcher
from lookup.text.analyzer import Analyzer

JOB = "evaluate-search"


@dataclass(frozen=True)
class TableFacts:
    """What is known of the items, as a release knows it (`lookup.search.features.KnownItems`)."""

    price: NDArray[np.float64]
    category: NDArray[np.int32]
    brand: NDArray[np.int32]


class TableShop:
    """Indexes of one table of products; all that is slow is done once, and vectors are kept in the folder."""

    def __init__(self, products: Products, folder: Path, log: SearchedLog | None = None):
        self.products, self.folder, self.log = products, folder, log or SearchedLog.empty()
        self.vectors = TextVectors(folder)
        self.facts = TableFacts(products.price, products.category, products.brand)
        self._opened: dict[Parameters, SearchIndex] = {}

    @cached_property
    def told(self) -> Languages:
        """The languages of the catalogue, as the night tells them."""
        return detect([f"{one[0]} {one[4]}" for one in self.products.texts])

    @property
    def languages(self) -> tuple[str, ...]:
        """Those with stems."""
        return self.told.stemmed

    @cached_property
    def item_vectors(self) -> Matrix:
        """The transformer's vectors of titles with their descriptions, float32 (n, d)."""
        return self.vectors([f"{one[0]}. {one[4]}" if one[4].strip() else one[0] for one in self.products.texts])

    @cached_property
    def learned(self) -> Learned:
        """The query encoder of this shop, distilled; kept in the folder."""
        words = Analyzer(self.languages)
        titles = [[token.text for token in words.tokens(title)] for title in self.products.titles]
        queries = [[token.text for token in words.tokens(query)] for query in self.log.queries]
        settings = LearnSettings()
        says = f"{settings}{titles}{queries}{self.vectors.model}"
        path = self.folder / f"distilled-{sha256(says.encode('utf-8', 'replace')).hexdigest()[:16]}.npz"
        if path.is_file():
            with np.load(path) as kept:
                arrays = {name: kept[name] for name in kept.files}
            return Learned(arrays, arrays.pop("projection"), [], arrays.pop("language").tolist())
        log_line(JOB, "distils the query encoder", titles=len(titles), queries=len(queries))
        tokenizer = tokenizer_of(self.vectors.model)
        made = learn(titles, queries, self.item_vectors, self.vectors, pieces_of(tokenizer), settings=settings)
        for step in made.steps:
            log_line(JOB, step.name, tokens=step.tokens, bytes=step.bytes, agreement=step.agreement)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            language = np.array(made.language)
            np.savez(file, allow_pickle=False, projection=made.projection, language=language, **made.arrays)
        part.replace(path)
        return made

    @cached_property
    def _first(self) -> tuple[dict[str, NDArray[Any]], Facts]:
        """All arrays with the default parameters: those of understanding and of titles serve every choice."""
        log_line(JOB, "builds the index", items=len(self.products))
        arrays, facts = build_search(self._table())
        return dict(arrays), facts

    @cached_property
    def analyzer(self) -> Analyzer:
        """That of the index."""
        facts = self._first[1]
        return Analyzer(facts.languages, facts.compounds)

    @cached_property
    def counts(self) -> list[Counts]:
        """How often each term is in each field of each item."""
        return list(parts(self.products.texts, self.analyzer))

    def opened(self, parameters: Parameters) -> SearchIndex:
        """The index with some parameters of BM25, written into the folder and opened as that of a release is."""
        if parameters not in self._opened:
            arrays, facts = self._first
            arrays = arrays | dict(build(self.counts, parameters))
            path = self.folder / "release" / FILE
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)  # an index that maps it keeps it
            index_file.write(path, arrays, {"daybreak": facts.text()})
            index = SearchIndex.open(self.folder / "release", len(self.products))
            assert index is not None  # it was written just now
            self._opened[parameters] = index
        return self._opened[parameters]

    def searcher(self, parameters: Parameters) -> Searcher:
        """Over the items of the table."""
        return Searcher(self.opened(parameters), self.facts)

    def _table(self) -> ItemTable:
        products, n = self.products, len(self.products)
        popularity = np.zeros(n, np.float32)
        row_of = {one: row for row, one in enumerate(products.ids)}
        clicks = [(query, row_of[item], times) for (query, item), times in self.log.clicks.items() if item in row_of]
        for _, row, times in clicks:
            popularity[row] += times
        last = np.maximum((products.category >= 0).sum(axis=1) - 1, 0)
        narrowest = np.take_along_axis(products.category, last[:, None], axis=1)[:, 0]
        sources = QuerySources(
            products.titles,
            narrowest,
            products.brand,
            popularity,
            [path[-1] for path in products.paths],
            products.brands,
            queries=dict(self.log.queries),
            clicks=clicks,
            language=self.learned.language,
        )
        return ItemTable(
            products.texts,
            products.day,
            sources,
            languages=self.languages,
            segmented=self.told.segmented,
            vectors=units(self.item_vectors @ self.learned.projection),
            encoder=self.learned.arrays,
        )
