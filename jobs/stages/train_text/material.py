"""What a night's text model is fine-tuned on: texts of items, and the pairs of all sources, cut to the bounds."""

from typing import NamedTuple

from jobs.config.config import Config
from jobs.infra.blocks import Blocks
from jobs.models.query_log import lessons
from jobs.models.query_log.log import read_run
from jobs.models.query_log.positions import propensities
from jobs.models.text_encoder_training import sources
from jobs.models.text_encoder_training.pairs import LOG, TITLES, TOGETHER, Pair
from jobs.models.understanding.rewrites import read_synonyms
from lookup.text.analyzer import Analyzer

ENOUGH = 100
"""Different queries, without which there is nothing to learn from."""
NONE = -1


class Material(NamedTuple):
    """What a training learns from."""

    texts: list[str]
    """Different texts of items."""
    pairs: list[Pair]
    """Their rows are places in `texts`."""
    counts: dict[str, int]
    """Pairs of each source."""


class Items(NamedTuple):
    """The items of a run by their different texts, which stand in for them: two with the same text look the same."""

    texts: list[str]
    titles: list[str]
    """Of the first item with each text."""
    place: dict[int, int]
    """From the row of an item to the place of its text."""


def collect(config: Config, together: list[tuple[int, int]]) -> Material:
    """Collect the pairs of a run. together: rows of items that are bought together, the surest first."""
    options, items = config.train_text, _items(config)
    searched = sources.log_pairs(_clicks(config, items), options.pairs)
    placed = ((items.place.get(own, NONE), items.place.get(row, NONE)) for own, row in together)
    known = (pair for pair in placed if NONE not in pair)
    found = {LOG: searched, TOGETHER: sources.together_pairs(known, items.titles, options.pairs)}
    found[TITLES] = [] if sources.is_enough(searched) else _worse_titles(config, items)
    pairs = [pair for some in found.values() for pair in some]
    rows = sources.catalogue(pairs, len(items.texts), options.items, options.seed)
    return Material(
        [items.texts[row] for row in rows],
        list(sources.renumbered(pairs, rows)),
        {source: len(some) for source, some in found.items()},
    )


def _items(config: Config) -> Items:
    rows: list[tuple[int, str | None, str | None]] = []
    for batch in Blocks.of(config.run, "items").read("item", "title", "text"):
        rows += zip(*(batch.column(name).to_pylist() for name in ("item", "title", "text")), strict=True)
    items, places = Items([], [], {}), dict[str, int]()
    for item, title, text in sorted(rows, key=lambda row: row[0]):
        if text and text.strip():
            if text not in places:
                places[text] = len(places)
                items.texts.append(text)
                items.titles.append(title or "")
            items.place[item] = places[text]
    return items


def _clicks(config: Config, items: Items) -> list[tuple[str, int, float]]:
    log = read_run(config.run)
    taken = lessons.clicks(log, propensities(log).values).select("query", "item", "weight").iter_rows()
    return [(query, items.place[item], weight) for query, item, weight in taken if item in items.place]


def _worse_titles(config: Config, items: Items) -> list[Pair]:
    analyzer = Analyzer(())

    def words(text: str) -> list[str]:
        return [token.text for token in analyzer.tokens(text)]

    rules = read_synonyms(config.synonyms, str(config.search.synonyms))
    synonyms = sources.one_way((" ".join(words(rule.words)), " ".join(words(rule.instead))) for rule in rules)
    titles = [words(title) for title in items.titles]
    return sources.title_pairs(titles, config.train_text.pairs, config.train_text.seed, synonyms)
