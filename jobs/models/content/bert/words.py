"""Tokens of many texts at once, as flat arrays. What a word becomes is kept, so a text costs a few look-ups."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jobs.models.content.bert.known import PROBES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST = 1 << 18
"""Words that are kept, some 200 bytes each; then all are forgotten. A text without spaces is one word, so a long word
counts for as many as its LETTERS hold."""
LETTERS = 32


class FlatTokens(NamedTuple):
    """The tokens of texts, one text after the other."""

    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]
    """Of each text, one token at least."""


class TextTokens:
    """Makes the tokens that a tokenizer makes. For one thread at a time."""

    def __init__(self, tokenizer: "Tokenizer"):
        """tokenizer: it cuts longer texts."""
        self._tokenizer = tokenizer
        self._kept: dict[str, bytes] = {}
        self._size = 0
        truncation = tokenizer.truncation
        self._most = 4 * truncation["max_length"] if truncation else None
        self.by_word = _splits_at_spaces(tokenizer)
        """Whether words are kept. Other tokenizers see a text whole."""
        if self.by_word:
            self._first, self._last = (_bytes([one]) for one in tokenizer.encode("").ids)
            self._learn(PROBES)
            self.by_word = all(self._text(one) == _bytes(tokenizer.encode(one).ids) for one in PROBES)

    def of(self, texts: Sequence[str]) -> FlatTokens:
        """The tokens of texts."""
        if not self.by_word:
            found = [one.ids for one in self._tokenizer.encode_batch_fast(list(texts))]
            lengths = np.fromiter(map(len, found), np.int64, len(found))
            return FlatTokens(np.fromiter(chain.from_iterable(found), np.int32, int(lengths.sum())), lengths)
        if self._size > MOST:
            self._kept.clear()
            self._size = 0
        made = [self._text(text) for text in texts]
        later = [n for n, one in enumerate(made) if not one]
        if later:
            self._learn(texts[n] for n in later)
            for n in later:
                made[n] = self._text(texts[n])
        return FlatTokens(np.frombuffer(b"".join(made), np.int32), np.fromiter(map(len, made), np.int64) // 4)

    def _text(self, text: str) -> bytes:
        """The tokens of a text; none where it has a word that is not kept."""
        try:
            inside = b"".join([self._kept[word] for word in text.split(" ")])
        except KeyError:
            return b""
        if self._most is not None:
            inside = inside[: self._most - 8]
        return self._first + inside + self._last

    def _learn(self, texts: Iterable[str]) -> None:
        """Keep the words of texts."""
        new = [word for word in dict.fromkeys(chain.from_iterable(map(_words, texts))) if word not in self._kept]
        for word, found in zip(new, self._tokenizer.encode_batch_fast(new, add_special_tokens=False), strict=True):
            self._kept[word] = _bytes(found.ids)
            self._size += 1 + len(word) // LETTERS


def _words(text: str) -> list[str]:
    return text.split(" ")


def _bytes(tokens: Sequence[int]) -> bytes:
    return np.array(tokens, np.int32).tobytes()


def _splits_at_spaces(tokenizer: "Tokenizer") -> bool:
    """Whether the tokens of a text are those of what stands between its spaces, with one before them and one behind.

    BERT's normaliser changes each character by itself, and its words never have a space in them.
    """
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    usual = isinstance(tokenizer.model, WordPiece) and isinstance(tokenizer.normalizer, BertNormalizer)
    usual = usual and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
    added = tokenizer.get_added_tokens_decoder().values()
    return usual and not any(" " in one.content for one in added) and len(tokenizer.encode("").ids) == 2
