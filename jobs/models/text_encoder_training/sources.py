"""Which pairs a text model learns from: of the query log, of what is bought together, and of titles made worse."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from jobs.models.text_encoder_training.pairs import LOG, TITLES, TOGETHER, Pair, worse_titles

FEWEST = 500
"""Different queries of a log that are enough to learn from; with fewer, titles made worse join them."""
FORMS = 4
"""Worse forms of a title, at most."""


def log_pairs(clicks: Iterable[tuple[str, int, float]], most: int) -> list[Pair]:
    """Return pairs of searches, those of the largest weight first, at most `most`. clicks: query, row, weight."""
    known = [(-weight, query, row) for query, row, weight in clicks if query.strip()]
    return [Pair(query, row, LOG) for _, query, row in sorted(known)[:most]]


def together_pairs(together: Iterable[tuple[int, int]], titles: Sequence[str], most: int) -> list[Pair]:
    """Return pairs of a title and what is bought with it, at most `most`. together: rows of two items, the surest
    first."""
    found: dict[Pair, None] = {}
    for own, row in together:
        if len(found) >= most:
            break
        if own != row and titles[own].strip():
            found[Pair(titles[own], row, TOGETHER, own)] = None
    return list(found)


def title_pairs(
    titles: Sequence[Sequence[str]], most: int, seed: int, synonyms: Mapping[str, Sequence[str]] | None = None
) -> list[Pair]:
    """Return titles made worse, at most `most` different pairs, FORMS of a title where there are few. titles: words."""
    filled = [row for row, words in enumerate(titles) if words]
    if not filled or most < 1:
        return []
    each = max(1, min(FORMS, most // len(filled)))
    drawn = np.random.default_rng(seed).permutation(filled)[: most // each]
    rows = np.sort(drawn).tolist()
    made = worse_titles([titles[row] for row in rows], each, seed, synonyms)
    return list(dict.fromkeys(Pair(pair.query, rows[pair.item], TITLES) for pair in made))


def is_enough(pairs: Sequence[Pair]) -> bool:
    """Say whether a log has enough different queries, so that no titles are made worse."""
    return len({pair.query for pair in pairs}) >= FEWEST


def one_way(synonyms: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return what may stand instead of a word. synonyms: some words, and what they mean as well."""
    found: dict[str, list[str]] = {}
    for words, instead in synonyms:
        found.setdefault(words, []).append(instead)
    return found


def catalogue(pairs: Sequence[Pair], items: int, most: int, seed: int) -> list[int]:
    """Return the rows among which a model is measured, rising: those of the pairs, and others drawn at random.

    items: how many there are. most: rows beyond those of the pairs are drawn until there are so many.
    """
    needed = {row for pair in pairs for row in (pair.item, pair.own) if row >= 0}
    others = [row for row in np.random.default_rng(seed).permutation(items).tolist() if row not in needed]
    return sorted([*needed, *others[: max(0, most - len(needed))]])


def renumbered(pairs: Sequence[Pair], rows: Sequence[int]) -> Iterator[Pair]:
    """Yield pairs whose rows are places among `rows`."""
    place = {row: n for n, row in enumerate(rows)}
    for pair in pairs:
        yield pair._replace(item=place[pair.item], own=place[pair.own] if pair.own >= 0 else -1)
