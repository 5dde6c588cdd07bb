"""The words of Chinese and Japanese texts, which are written without blanks.

Chinese by jieba, Japanese by janome (the extra `daybreak[cjk]`; this module alone imports them). They are needed by
night only: an index and a query have pairs of characters, with or without them. Where the words are known, suggestions
begin at words, the speller knows them, and a pair of characters that spans two words of a title counts less.

A dictionary lacks newer loanwords: it takes "ワイヤレスイヤホン" for one word, and "イヤホン" for two. So a word in
katakana that is made of words which stand alone elsewhere in the catalogue is taken apart, and short pieces that never
stand alone are put together.
"""

import logging
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from itertools import accumulate, pairwise

from lookup.text.analyzer import Analyzer, Token, runs
from lookup.text.chunks import DOT, Kind
from lookup.text.normalise import normalise

PACKAGES = {"chinese": "jieba", "japanese": "janome"}
"""The package for each language that has one."""
SHORTEST = 2
"""Characters of the shortest part of a word in katakana, which must stand alone elsewhere."""
KANA = 3
"""A title is Japanese where it has at least one kana for so many other characters."""
LONG = 3
"""With so many characters a part need not stand alone."""
BRINGS = "suggestions at words, the speller's words, and less weight for pairs of characters that span two words"
"""What the packages bring, for who lacks them."""
WEIGHT = 0.5
"""What a pair of characters counts that spans two words."""

Cut = Callable[[str], Iterable[str]]
"""From a run of characters to its words."""

_KNOWN = re.compile("[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")
_KANA = re.compile("[\u3041-\u30ff]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]+")
_HAN = re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")


def missing(languages: Sequence[str]) -> list[str]:
    """The packages that would tell the words of these languages, and that are not installed."""
    return [package for name, package in PACKAGES.items() if name in languages and find_spec(package) is None]


def segments(languages: Sequence[str], titles: Iterable[str], analyzer: Analyzer) -> "Segments | None":
    """What tells the words of a catalogue; None where it has neither language, or where the packages are missing.

    languages: of `jobs.models.query_log.languages.Languages.segmented`.
    """
    absent = missing(languages)
    makers: dict[str, Callable[[], Cut]] = {"chinese": _jieba, "japanese": _janome}
    cuts = {name: make() for name, make in makers.items() if name in languages and PACKAGES[name] not in absent}
    return Segments(cuts, titles, analyzer) if cuts else None


class Segments:
    """The words of texts. cuts: by language, "chinese" or "japanese". titles: of the catalogue."""

    def __init__(self, cuts: Mapping[str, Cut], titles: Iterable[str], analyzer: Analyzer):
        self._cuts, self._analyzer = cuts, analyzer
        self._known: dict[tuple[str, str], tuple[int, ...] | None] = {}
        found = Counter((run, name) for title in titles for _, run, name in self._runs(self._tokens(title)))
        self._alone = {word for run, _ in found for word in _KATAKANA.findall(run) if len(word) >= SHORTEST}
        self.words: Counter[str] = Counter()
        """The words of the titles that have two characters or more, and how often each is there."""
        for (run, name), times in found.items():
            for word in self._words(run, name):
                if len(word) > 1:
                    self.words[word] += times

    def starts(self, tokens: Sequence[Token]) -> list[int]:
        """Where the words of a text begin, rising: its tokens, but of a run of characters its words."""
        found = {token.start for token in tokens}
        for first, run, name in self._runs(tokens):
            ends = self._ends(run, name)
            if ends is not None:
                found -= set(range(first, first + len(run)))
                found |= {first + start for start in (0, *ends[:-1]) if run[start] != DOT}
        return sorted(found)

    def crossing(self, title: str) -> Counter[str]:
        """The pairs of characters of a title that span two words, by the terms of an index, and how often each does."""
        tokens = self._tokens(title)
        found: Counter[str] = Counter()
        for first, run, name in self._runs(tokens):
            ends = [first + end for end in self._ends(run, name) or ()]
            for token in tokens:
                if token.kind == Kind.CJK and any(token.start < end < token.end for end in ends):
                    found[self._analyzer.terms(token.text)[0][0]] += 1
        return found

    def _tokens(self, title: str) -> list[Token]:
        return self._analyzer.places(normalise(title))

    def _runs(self, tokens: Sequence[Token]) -> list[tuple[int, str, str]]:
        """The runs of characters of a text, each with its place and its language.

        In a catalogue of both, a run with kana is Japanese, and one without where its text has kana enough.
        """
        found = runs(tokens)
        if len(self._cuts) == 1:
            return [(first, run, name) for first, run in found for name in self._cuts]
        whole = "".join(run for _, run in found)
        kana = len(_KANA.findall(whole))
        other = "japanese" if kana and KANA * kana >= len(whole) - kana else "chinese"
        return [(first, run, "japanese" if _KANA.search(run) else other) for first, run in found]

    def _words(self, run: str, language: str) -> list[str]:
        ends = self._ends(run, language)
        return [] if ends is None else [run[a:b] for a, b in pairwise((0, *ends))]

    def _ends(self, run: str, language: str) -> tuple[int, ...] | None:
        """Where the words of a run end; None for another script."""
        key = run, language
        if key not in self._known:
            self._known[key] = self._cut(run, language)
        return self._known[key]

    def _cut(self, run: str, language: str) -> tuple[int, ...] | None:
        if not _KNOWN.fullmatch(run):
            return None
        words: list[str] = []
        for word in self._cuts[language](run):
            if words and self._one(words[-1], word):
                words[-1] += word
            else:
                words.append(word)
        words = [part for word in words for part in self._apart(word)]
        return tuple(accumulate(map(len, words))) if "".join(words) == run else None

    def _one(self, left: str, right: str) -> bool:
        """Whether what was cut in two is one word."""
        if _HAN.fullmatch(left) and _HAN.fullmatch(right):
            return len(right) == 1  # 炊飯 + 器, 手机 + 壳
        if not (_KATAKANA.fullmatch(left) and _KATAKANA.fullmatch(right)):
            return False
        return any(len(part) < LONG and part not in self._alone for part in (left, right))

    def _apart(self, word: str) -> list[str]:
        """The fewest words in katakana that stand alone elsewhere and make this one together; else the word."""
        if len(word) < 2 * SHORTEST or not _KATAKANA.fullmatch(word):
            return [word]
        best: list[list[str] | None] = [[], *([None] * len(word))]
        for end in range(SHORTEST, len(word) + 1):
            for start in range(end - SHORTEST + 1):
                before, part = best[start], word[start:end]
                if before is not None and part in self._alone and part != word:
                    so_far = best[end]
                    if so_far is None or len(before) + 1 < len(so_far):
                        best[end] = [*before, part]
        return [word] if best[-1] is None else [one for part in best[-1] for one in self._apart(part)]


def _jieba() -> Cut:
    import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    with tempfile.TemporaryDirectory() as folder:  # a folder for all may have another one's file
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
    return tokenizer.lcut


def _janome() -> Cut:
    from janome.tokenizer import Tokenizer

    cut: Cut = Tokenizer(wakati=True).tokenize
    return cut
