"""All that a release knows about queries, from what a shop has."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from jobs.models.lexical.segments import Segments
from jobs.models.understanding.intents import build_intents
from jobs.models.understanding.rewrites import SynonymRule, build_rewrites, build_values, learn_synonyms
from jobs.models.understanding.slips import learn_costs
from jobs.models.understanding.spelling import build_speller
from jobs.models.understanding.suggestions import SuggestedText, build_suggestions
from jobs.models.understanding.texts import Arrays
from lookup.text.analyzer import Analyzer
from lookup.text.chunks import Kind
from lookup.text.normalise import normalise
from lookup.understanding import price_words
from lookup.understanding.attributes import COLOURS
from lookup.understanding.rewrites import Redirect
from lookup.understanding.spelling.speller import Speller
from lookup.understanding.suggester import BRAND, CATEGORY, ITEM, QUERY

OFTEN = 100.0
"""A query that was searched so often is no misspelling, whatever its words."""
OFTENER = 5.0
"""What was meant is so many times as frequent as a misspelling of it."""


@dataclass(frozen=True)
class QuerySources:
    """What the night has. Rows are those of the release; items, categories and brands are in the order of theirs."""

    titles: Sequence[str]
    """(I,): of items."""
    category: NDArray[np.int32]
    """(I,): row of each item's category, -1 for none."""
    brand: NDArray[np.int32]
    """(I,): row of each item's brand, -1 for none."""
    popularity: NDArray[np.float32]
    """(I,): of items, in events; for the order of suggestions."""
    categories: Sequence[str]
    """(C,): the last name of each category's path."""
    brands: Sequence[str]
    """(M,): names."""
    values: Sequence[tuple[str, int, int]] = ()
    """Values of declared features: text, row of the feature, row of the text."""
    queries: Mapping[str, float] = field(default_factory=dict)
    """How often each query with results was searched."""
    personal: Collection[str] = frozenset()
    """Those of so few people that they may be about one of them (`jobs.models.query_log.lessons.of_few`). They count
    where all that they hold stands in the catalogue: no shopper is shown another one's name, number or address."""
    clicks: Sequence[tuple[str, int, float]] = ()
    """Query, row of the clicked or bought item, how often."""
    typos: Sequence[tuple[str, str]] = ()
    """Misspelt queries, and what was meant (`jobs.models.understanding.slips.typos_of`)."""
    synonyms: Sequence[SynonymRule] = ()
    """The shop's own rules."""
    redirects: Mapping[str, Redirect] = field(default_factory=dict)
    language: Sequence[str] = ()
    """Words of the language, which are not misspelt though the shop may lack them."""


def build_understanding(
    sources: QuerySources,
    analyzer: Analyzer,
    segments: Segments | None = None,
    indexed: Mapping[str, float] | None = None,
) -> Arrays:
    """The arrays of `lookup.understanding.arrays`: SPELLING, MEANING and SUGGESTIONS.

    segments: the words of Chinese and Japanese titles, where they are known. indexed: words of all texts of the items,
    and how often each is there.
    Raises DaybreakError for a synonym or a redirect that says nothing.
    """
    costs = learn_costs(sources.typos)
    sources = replace(sources, queries=without_misspelt(sources, analyzer, costs))
    learned = learn_synonyms(((query, str(item), times) for query, item, times in sources.clicks), analyzer)
    return {
        **build_speller(
            sources.titles,
            sources.queries,
            analyzer,
            values=declared_words(sources, analyzer),
            right=COLOURS,
            costs=costs,
            segmented=None if segments is None else segments.words,
            indexed=indexed,
            language=sources.language,
        ),
        **build_intents(
            sources.titles,
            categories=sources.category,
            brands=sources.brand,
            names=sources.brands,
            n_categories=len(sources.categories),
            analyzer=analyzer,
            clicks=sources.clicks,
        ),
        **build_values(sources.values, analyzer),
        **build_rewrites([*learned, *sources.synonyms], sources.redirects, analyzer),
        **build_suggestions(suggested(sources), analyzer, segments),
    }


def without_misspelt(sources: QuerySources, analyzer: Analyzer, costs: Sequence[float]) -> dict[str, float]:
    """How often each query was searched, where misspelt ones count for what was meant.

    A search that finds what a misspelt query meant gets clicks, and so the log is full of them. A query is taken for
    misspelt if one of its words stands in no title and in nothing that the shop declares, and if the speller makes a
    query of it that is `OFTENER` times as frequent. Personal ones with something else than words of the catalogue are
    left out.
    """
    counts: Counter[str] = Counter()
    for query, times in sources.queries.items():
        counts[normalise(query)] += times  # type: ignore[assignment]
    declared = declared_words(sources, analyzer)
    catalogue = {token.text for text in (*sources.titles, *declared, *COLOURS) for token in analyzer.tokens(text)}
    for query in {normalise(query) for query in sources.personal} & counts.keys():
        if any(token.text not in catalogue for token in analyzer.tokens(query)):
            del counts[query]
    sound = {
        query: times
        for query, times in counts.items()
        if all(token.kind != Kind.WORD or token.text in catalogue for token in analyzer.tokens(query))
    }
    often = {query: times for query, times in counts.items() if query not in sound and times >= OFTEN}
    arrays = build_speller(
        sources.titles,
        sound | often,
        analyzer,
        values=declared,
        right=COLOURS,
        costs=costs,
        language=sources.language,
    )
    speller = Speller(arrays, analyzer)
    settled: Counter[str] = Counter(sound | often)
    for query, times in counts.items():
        if query not in sound and query not in often:
            found = speller.correct(query)
            meant = found.text if found and counts.get(found.text, 0) >= OFTENER * times else query
            settled[meant] += times
    return dict(settled)


def declared_words(sources: QuerySources, analyzer: Analyzer) -> list[str]:
    """Texts whose words the shop knows, though they may stand in no title: they are not to be corrected.

    Names of brands, categories and values, both sides of synonyms, redirected queries, and words for prices.
    """
    rules = [text for rule in sources.synonyms for text in (rule.words, rule.instead)]
    values = [text for text, _, _ in sources.values]
    names = [*sources.brands, *sources.categories, *values, *sources.redirects]
    return [*names, *rules, *sorted(price_words.words(analyzer.languages))]


def suggested(sources: QuerySources) -> Iterable[SuggestedText]:
    """Everything that may be suggested; a category or a brand is as popular as its items together."""
    for query, times in sources.queries.items():
        yield SuggestedText(query, QUERY, -1, times)
    for kind, names, rows in ((CATEGORY, sources.categories, sources.category), (BRAND, sources.brands, sources.brand)):
        sold = np.bincount(rows[rows >= 0], sources.popularity[rows >= 0] + 1, len(names)).tolist()
        for row, name in enumerate(names):
            if sold[row] > 0:
                yield SuggestedText(name, kind, row, sold[row])
    for row, (title, times) in enumerate(zip(sources.titles, sources.popularity.tolist(), strict=True)):
        yield SuggestedText(title, ITEM, row, times)
