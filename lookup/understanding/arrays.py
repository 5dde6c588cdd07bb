"""The arrays of query understanding: what `jobs.models.understanding` writes, and this package reads."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by their stated names."""


class StatedArray(NamedTuple):
    """One array. Sizes in its shape are letters of its own list; "W+1" means one more than W."""

    name: str
    dtype: str
    shape: tuple[str, ...]
    doc: str
    places_in: str | None = None
    """The numbers are places in this array: from 0, never falling, and at last its length."""
    rows_of: str | None = None
    """The numbers are rows: from `least` up to the size of this letter, or number. Of uint64, the lower halves are."""
    least: int = 0
    """-1 where that stands for no row."""
    later: bool = False
    """A release that was built before there was this array goes without."""


def _places(name: str, letter: str, of: str, doc: str) -> StatedArray:
    return StatedArray(name, "int64", (f"{letter}+1",), doc, places_in=of)


def keys(prefix: str, letter: str, what: str) -> tuple[StatedArray, ...]:
    """The three arrays of `lookup.keys.Keys` for texts of one kind."""
    return (
        StatedArray(f"{prefix}_hash", "uint64", (letter,), f"first 8 bytes of sha256 of the {what}, rising"),
        _places(f"{prefix}_offsets", letter, f"{prefix}_bytes", f"where each of the {what} starts in the bytes"),
        StatedArray(f"{prefix}_bytes", "uint8", ("*",), f"the {what}, UTF-8"),
    )


SPELLING: tuple[StatedArray, ...] = (
    *keys("spell_words", "W", "words of catalogue and queries, numbers as one word `0`"),
    StatedArray("spell_word_count", "float32", ("W",), "how often the word stands in titles and queries"),
    StatedArray("spell_word_log", "float32", ("W",), "natural logarithm of the word's probability"),
    StatedArray("spell_word_backoff", "float32", ("W+1",), "log weight of the next word alone; row W: first words"),
    StatedArray("spell_word_letters", "uint32", ("W",), "a bit for each letter of the word, by its code modulo 32"),
    StatedArray("spell_word_length", "uint8", ("W",), "characters of the word, at most 255"),
    StatedArray(
        "spell_letter_log", "float32", ("28", "28", "28"), "log probability of a letter after two: a-z, no letter, end"
    ),
    StatedArray(
        "spell_deletes", "uint64", ("*",), "crc32 of a word with letters deleted · 2³² + its row, rising", rows_of="W"
    ),
    StatedArray(
        "spell_pairs", "uint64", ("P",), "row of a word · 2³² + row of the word after it, rising; W: start", rows_of="W"
    ),
    StatedArray("spell_pair_log", "float32", ("P",), "log probability of the second word after the first"),
    *keys("spell_queries", "Q", "known queries, normalised"),
    StatedArray("spell_query_log", "float32", ("Q",), "log of the share of all searches that are this query"),
    StatedArray("spell_grams", "uint32", ("G",), "crc32 of three letters of a known query without blanks, rising"),
    _places("spell_gram_offsets", "G", "spell_gram_queries", "where each gram's queries start"),
    StatedArray("spell_gram_queries", "int32", ("*",), "rows of the known queries with the gram, rising", rows_of="Q"),
    StatedArray("spell_query_letters", "uint16", ("Q",), "letters and digits of the known query"),
    StatedArray(
        "spell_language", "uint32", ("L",), "crc32 of words of the language that the shop lacks, rising", later=True
    ),
    StatedArray(
        "spell_costs", "float32", ("13",), "the cost of each kind of slip, as in lookup.understanding.spelling.slips"
    ),
)
"""Spelling. W words, P pairs of them, Q known queries, G different grams of three letters, L words of the
language."""


def empty(stated: tuple[StatedArray, ...]) -> dict[str, NDArray[Any]]:
    """Arrays that know nothing: every letter 0."""
    made = {}
    for one in stated:
        sizes = [int(size) if size.isdigit() else int(size[2:]) if "+" in size else 0 for size in one.shape]
        made[one.name] = np.zeros(sizes, one.dtype)
    return made


def _intent(kind: str, letter: str) -> tuple[StatedArray, ...]:
    """The arrays of `lookup.understanding.intents.IntentTable`."""
    what, pairs = ("categories", "X") if kind == "category" else ("brands", "Z")
    rows = f"{what} that a term means more often than others"
    return (
        _places(f"meaning_{kind}_offsets", "T", f"meaning_{kind}_rows", f"where each term's {what} start"),
        StatedArray(f"meaning_{kind}_rows", "int32", (pairs,), rows, rows_of=letter),
        StatedArray(f"meaning_{kind}_log", "float32", (pairs,), "log(P(it | term) / P(it))"),
        StatedArray(f"meaning_{kind}_rest", "float32", ("T",), "the same logarithm for all others"),
        StatedArray(f"meaning_{kind}_prior", "float32", (letter,), "log P(it)"),
    )


MEANING: tuple[StatedArray, ...] = (
    *keys("meaning_terms", "T", "terms of titles and clicked queries"),
    *_intent("category", "C"),
    *_intent("brand", "M"),
    *keys("meaning_names", "N", "names of brands, tokens with single blanks"),
    StatedArray("meaning_name_brand", "int32", ("N",), "row of the brand", rows_of="M"),
    StatedArray("meaning_name_share", "float32", ("N",), "share of the items with this name in the title that are its"),
    *keys("meaning_values", "V", "values of declared features, tokens with single blanks"),
    StatedArray("meaning_value_feature", "int32", ("V",), "row of the declared feature"),
    StatedArray("meaning_value_row", "int32", ("V",), "row of the value among the texts of declared features"),
    *keys("meaning_synonyms", "S", "phrases that have synonyms, terms with single blanks"),
    _places("meaning_synonym_first", "S", "meaning_synonym_weight", "where each phrase's synonyms start"),
    StatedArray("meaning_synonym_weight", "float32", ("Y",), "what a match of the synonym counts, above 0, at most 1"),
    _places("meaning_synonym_text_offsets", "Y", "meaning_synonym_text_bytes", "where each starts in the bytes"),
    StatedArray("meaning_synonym_text_bytes", "uint8", ("*",), "the synonyms, normalised, UTF-8"),
    *keys("meaning_redirects", "R", "queries that lead elsewhere, tokens with single blanks"),
    StatedArray("meaning_redirect_kind", "uint8", ("R",), "0 url, 1 category", rows_of="2"),
    _places("meaning_redirect_text_offsets", "R", "meaning_redirect_text_bytes", "where each starts in the bytes"),
    StatedArray("meaning_redirect_text_bytes", "uint8", ("*",), "the targets, UTF-8"),
)
"""Meaning. T terms, C categories, X of terms, M brands, Z of terms, N names, V values, S phrases, Y synonyms, R
redirects."""

LISTED = 64
"""Entries of a precomputed list."""

SUGGESTIONS: tuple[StatedArray, ...] = (
    _places("suggest_text_offsets", "A", "suggest_text_bytes", "where each suggested text starts; best first"),
    StatedArray("suggest_text_bytes", "uint8", ("*",), "the texts as they are shown, UTF-8"),
    _places("suggest_key_offsets", "A", "suggest_key_bytes", "where each normalised text starts in the bytes"),
    StatedArray("suggest_key_bytes", "uint8", ("*",), "the texts, normalised, UTF-8"),
    StatedArray("suggest_kind", "uint8", ("A",), "0 query, 1 category, 2 brand, 3 item", rows_of="4"),
    StatedArray("suggest_row", "int32", ("A",), "row of the category, brand or item; -1 for a query"),
    StatedArray("suggest_score", "float32", ("A",), "how popular it is among its kind, times the kind's weight"),
    StatedArray(
        "suggest_entry_text",
        "int32",
        ("E",),
        "an entry is a word's start in a text, in the order of what follows",
        rows_of="A",
    ),
    StatedArray("suggest_entry_start", "uint16", ("E",), "byte of the normalised text where the entry starts"),
    StatedArray("suggest_entry_head", "uint64", ("E",), "its first eight bytes as a big-endian number, rising"),
    StatedArray("suggest_entry_rank", "int32", ("E",), "0 for the best entry of all", rows_of="E"),
    StatedArray(
        "suggest_list_range", "uint64", ("L",), "first entry · 2³² + end of a prefix with many entries, rising"
    ),
    StatedArray(
        "suggest_list_entries",
        "int32",
        ("L", str(LISTED)),
        "its best entries, each of another text; -1 at the end",
        rows_of="E",
        least=-1,
    ),
    StatedArray(
        "suggest_node_first", "int32", ("D",), "first entry of a prefix of three to seven letters", rows_of="E"
    ),
    StatedArray("suggest_node_length", "uint8", ("D",), "its letters"),
    StatedArray(
        "suggest_node_deletes",
        "uint64",
        ("*",),
        "crc32 of a prefix with a letter deleted · 2³² + its row, rising",
        rows_of="D",
    ),
)
"""Suggestions. A texts, E entries, L lists, D prefixes."""
