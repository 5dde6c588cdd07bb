"""All arrays of `search.safetensors` from the items of a release and the shop's query log."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import isnan

import numpy as np
from numpy.typing import NDArray

from jobs.infra.logging import log_line
from jobs.models.lexical.all_counts import counted
from jobs.models.lexical.clicks import ChosenParameters, choose_parameters
from jobs.models.lexical.compounds import compounds
from jobs.models.lexical.segments import segments
from jobs.models.query_encoder.table import quantise
from jobs.models.query_ranker.clicks import learn_from_clicks
from jobs.models.understanding.build import QuerySources, build_understanding
from jobs.models.understanding.rewrites import SynonymRule
from jobs.ranking.text_index import build_text_index, choose_probes
from jobs.search.head import MOST, NightItems, head_lists, head_queries, no_head
from lookup import keys
from lookup.retrieval.lexical.build import Parameters, build
from lookup.retrieval.lexical.counts import FIELDS, Counts
from lookup.retrieval.lexical.lexicon import Lexicon
from lookup.scoring.query_encoder import QueryEncoder
from lookup.search.index import Facts, SearchIndex
from lookup.search.searcher import Searcher
from lookup.search.titles import head_end, title_vectors
from lookup.text.analyzer import Analyzer
from lookup.understanding.arrays import Arrays

RECALL = 0.95
"""What share of the hundred nearest items a search by meaning must find …"""
ASKED, WORDS = 200, 3
"""… measured with so many queries of so many words at most."""
TITLE_ARRAYS = ("title_code", "title_scale")
FIGURES = ("queries", "before", "after")
"""What the file says of the choice of BM25's parameters (`ChosenParameters`)."""


@dataclass(frozen=True)
class ItemTable:
    """The items of a release, in the order of their rows."""

    texts: Sequence[Sequence[str]]
    """Of each item the texts of `lookup.retrieval.lexical.counts.FIELDS`."""
    day: NDArray[np.int32]
    """(I,): day since 1970 on which the shop first had the item; -1 where unknown."""
    understood: QuerySources
    """What queries are understood by; its titles are those of the items."""
    languages: tuple[str, ...] = ("english",)
    """Whose words are stemmed."""
    segmented: tuple[str, ...] = ()
    """"chinese", "japanese", as far as words of them are told (`jobs.models.lexical.segments`)."""
    parameters: Parameters | None = None
    """Of BM25; None: what clicks choose, or the default ones."""
    weights: dict[str, float] = field(default_factory=dict)
    """Of the ranker; empty: what clicks teach, or the default ones."""
    vectors: NDArray[np.float32] | None = None
    """(I, E): of length 1, in the space of the encoder's queries; zeros for an item without text. None: no search by
    meaning."""
    encoder: Arrays = field(default_factory=dict)
    """`lookup.scoring.query_encoder.ARRAYS`; needed with vectors."""
    now: NightItems | None = None
    """What is known of items, for the lists of head queries and for learning from clicks; None: neither."""
    most_queries: int = MOST
    """Head queries."""


def build_search(table: ItemTable) -> tuple[Arrays, Facts]:
    """The arrays of `lookup.search.stated`, and what the file says besides."""
    plain = Analyzer(table.languages)
    titles = [texts[0] for texts in table.texts]
    found = phrases(table.understood.synonyms, plain) | compounds([*titles, *table.understood.queries], plain)
    analyzer = Analyzer(table.languages, found)
    parted = segments(table.segmented, titles, plain)
    counts = counted(table.texts, analyzer, segments=parted)
    chosen = None if table.parameters is not None else choose_words(table, counts, analyzer)
    words = build(counts, table.parameters if chosen is None else chosen.parameters)
    arrays = {
        **words,
        **title_terms(titles, analyzer, Lexicon(words)),
        "item_popular": less_popular(table.understood.popularity),
        "item_day": table.day.astype(np.int32),
        **build_understanding(table.understood, analyzer, parted, surfaces(words)),
    }
    vectors = np.zeros((len(titles), 1), np.float32) if table.vectors is None else table.vectors
    encoder = table.encoder or no_encoder(vectors.shape[1])
    of_titles = quantise(title_vectors(titles, analyzer, QueryEncoder.of(encoder)))
    texts = build_text_index(vectors) | dict(zip(TITLE_ARRAYS, of_titles, strict=True))
    probes = choose_probes(texts, vectors, short_queries(titles, plain, encoder), RECALL) if table.encoder else 1
    figures = {} if chosen is None or isnan(chosen.before) else {name: getattr(chosen, name) for name in FIGURES}
    facts = Facts(table.languages, table.weights, found, probes, figures)
    arrays = {**arrays, **texts, **encoder, **no_head()}
    if table.now is None:
        return arrays, facts
    known, index = table.understood, SearchIndex(arrays, facts, len(titles))
    learned = learn_from_clicks(Searcher(index, table.now), known.clicks)
    if learned.queries:
        measured = {} if isnan(learned.before) else {"before": learned.before, "after": learned.after}
        log_line("index_search", "ranker", queries=learned.queries, learned=bool(learned.weights), **measured)
    if learned.weights and not table.weights:
        facts = replace(facts, weights=learned.weights)
        index = SearchIndex(arrays, facts, len(titles))
    queries = head_queries(known.queries, known.categories, known.brands, table.now, table.most_queries)
    return {**arrays, **head_lists(index, table.now, queries)}, facts


def choose_words(table: ItemTable, counts: Sequence[Counts], analyzer: Analyzer) -> ChosenParameters:
    """The parameters of BM25 from clicks; the default ones where clicks say too little."""
    fields = [name for place, name in enumerate(FIELDS) if any(texts[place] for texts in table.texts)]
    return choose_parameters(counts, analyzer, table.understood.clicks, fields)


def short_queries(titles: Sequence[str], analyzer: Analyzer, encoder: Arrays) -> NDArray[np.float32]:
    """Vectors of queries such as people type, float32 (n, E): the first words of titles from all over the shop."""
    made = QueryEncoder.of(encoder)
    some = titles[:: max(1, len(titles) // ASKED)]
    found = [made.vector([token.text for token in analyzer.tokens(title)[:WORDS]]) for title in some]
    return np.array([one for one in found if one.any()], np.float32).reshape(-1, made.dimensions)


def phrases(rules: Sequence[SynonymRule], analyzer: Analyzer) -> dict[str, tuple[str, ...]]:
    """What stands instead of other words and has several: compounds, so that a search finds them as one term."""
    words = (tuple(token.text for token in analyzer.tokens(rule.instead)) for rule in rules)
    return {"".join(parts): parts for parts in words if len(parts) > 1}


def surfaces(words: Arrays) -> dict[str, float]:
    """The words of an index as written, and how often each is there."""
    offsets, data = words["surface_offsets"].tolist(), words["surface_bytes"].tobytes()
    times = words["surface_times"].tolist()
    return {data[a:b].decode(): n for (a, b), n in zip(pairwise(offsets), times, strict=True)}


def no_encoder(dimensions: int) -> Arrays:
    """An encoder without tokens: the vector of every query is 0."""
    hashes, offsets, data = keys.build([])
    return {
        "query_token_hash": hashes,
        "query_token_offsets": offsets,
        "query_token_bytes": data,
        "query_token_code": np.zeros((0, dimensions), np.int8),
        "query_token_scale": np.zeros(0, np.float32),
    }


def title_terms(titles: Sequence[str], analyzer: Analyzer, lexicon: Lexicon) -> Arrays:
    """`title_starts` int64 (I + 1,), `title_terms` int32: rows of the main terms of titles; `title_head` int32 (I,):
    of the last word of the thing that each names."""
    rows, heads = [], np.full(len(titles), -1, np.int32)
    for item, title in enumerate(titles):
        words = analyzer.terms(title)
        mains = [lexicon.find(terms[0]) if terms else -1 for terms in words]
        end = head_end(title, analyzer)
        heads[item] = mains[end - 1] if 0 < end <= len(mains) else -1
        rows.append([main for main, terms in zip(mains, words, strict=True) if terms])
    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(one) for one in rows], out=starts[1:])
    terms = np.array([term for one in rows for term in one], np.int32)
    return {"title_starts": starts, "title_terms": terms, "title_head": heads}


def less_popular(popularity: NDArray[np.floating]) -> NDArray[np.float32]:
    """The share of the items that are less popular than each, float32 (I,); equals for equals."""
    rising = np.sort(popularity)
    return (np.searchsorted(rising, popularity) / max(len(popularity), 1)).astype(np.float32)
