"""Tables of texts as arrays."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup import keys
from lookup.text.analyzer import Analyzer
from lookup.understanding.attributes import MOST_WORDS, joined

Arrays = dict[str, NDArray[Any]]


def table(prefix: str, texts: Iterable[str]) -> tuple[Arrays, list[str]]:
    """The three arrays of `lookup.keys.Keys` under a prefix, and the texts in the order of their rows."""
    hashes, offsets, data = keys.build(texts)
    rows = keys.Keys(hashes, offsets, data)
    return (
        {f"{prefix}_hash": hashes, f"{prefix}_offsets": offsets, f"{prefix}_bytes": data},
        [rows.id(row) for row in range(len(rows))],
    )


def listed(prefix: str, texts: Sequence[str]) -> Arrays:
    """Offsets and bytes of texts in their order."""
    data = [text.encode("utf-8", "replace") for text in texts]
    offsets = np.zeros(len(data) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in data], out=offsets[1:])
    return {f"{prefix}_offsets": offsets, f"{prefix}_bytes": np.frombuffer(b"".join(data), dtype=np.uint8)}


def phrase(analyzer: Analyzer, text: str) -> str:
    """The key under which the day finds a phrase in a query; empty for none, and for one of too many words."""
    tokens = analyzer.tokens(text)
    return joined(tokens) if len(tokens) <= MOST_WORDS else ""
