"""The search index of a release: everything that a query needs, opened once."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from lookup.errors import ReleaseError
from lookup.lazy import lazy
from lookup.retrieval.lexical.index import WordIndex
from lookup.retrieval.text_index import TextIndex
from lookup.scoring.query_encoder import QueryEncoder
from lookup.search import FILE, index_file, stated
from lookup.search.features import Values, newness
from lookup.search.head import HeadQueries
from lookup.search.query import Asked, RowOf, asked, other_forms, right_words
from lookup.search.ranker import DEFAULT, QueryRanker
from lookup.search.titles import Titles
from lookup.text.analyzer import Analyzer
from lookup.understanding.arrays import Arrays
from lookup.understanding.interpreter import Interpreter
from lookup.understanding.suggester import Suggester


@dataclass(frozen=True)
class Facts:
    """What the file says besides its arrays."""

    languages: tuple[str, ...]
    weights: dict[str, float]
    """Of the ranker; `DEFAULT` where there are none."""
    compounds: dict[str, tuple[str, ...]]
    """As an `Analyzer` takes them."""
    probes: int = 1
    """Lists of items that a search by meaning looks through."""
    clicked: dict[str, float] = field(default_factory=dict)
    """How well clicks chose the parameters of BM25: `queries`, and NDCG@10 of clicks `before` and `after`, with the
    default ones and with those that other queries teach. Empty: there were too few."""

    @classmethod
    def of(cls, metadata: dict[str, str], path: Path) -> "Facts":
        """Read them. Raises ReleaseError, naming the file."""
        try:
            read = json.loads(metadata["daybreak"])
            return cls(
                tuple(read["languages"]),
                {str(name): float(one) for name, one in read["weights"].items()},
                {str(joined): tuple(parts) for joined, parts in read["compounds"].items()},
                int(read["probes"]),
                {str(name): float(one) for name, one in read.get("clicked", {}).items()},
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ReleaseError(f"{path}: what it says of itself cannot be read: {error!r:.200}") from None

    def text(self) -> str:
        """As the file has it."""
        return json.dumps(asdict(self), sort_keys=True)


class SearchIndex:
    """Answers queries from the arrays of a release. Thread-safe.

    arrays: those of `lookup.search.stated`. items: of the release. checked: every byte of the arrays is known to be
    right. Raises ReleaseError when they do not fit.
    """

    def __init__(self, arrays: Arrays, facts: Facts, items: int, checked: bool = False):
        stated.check(arrays, items, checked)
        self.arrays, self.facts, self.items = arrays, facts, items
        self.analyzer = Analyzer(facts.languages, facts.compounds)
        self.words = WordIndex(arrays)
        self.interpreter = Interpreter(arrays, self.analyzer)
        self.ranker = QueryRanker(facts.weights or DEFAULT)
        self.titles = Titles(arrays)
        self.encoder = QueryEncoder.of(arrays)
        self.texts = TextIndex(arrays, facts.probes)
        self.head = HeadQueries(arrays)
        self.new: Values = newness(np.asarray(arrays["item_day"]))
        """How new each item is, float32 (I,), 0 to 1."""

    @classmethod
    def open(cls, folder: Path, items: int, checked: bool = False) -> "SearchIndex | None":
        """The index of the release in a folder; None where it has none. checked: every byte of the file is known to be
        right. Raises ReleaseError where it is damaged.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        arrays, metadata = index_file.read(path)
        return cls(arrays, Facts.of(metadata, path), items, checked)

    @lazy
    def suggester(self) -> Suggester:
        """Completes prefixes."""
        return Suggester(self.arrays)

    def asked(
        self, text: str, without: Collection[str] = (), added: Sequence[WordIndex] = (), row_of: RowOf | None = None
    ) -> Asked:
        """A query, understood. Never raises for a str.

        without: parts of its interpretation to leave out. added: the words of items added since, and row_of numbers
        main terms with them. Raises ValueError for an unknown part.
        """
        right = right_words(text, self.analyzer, [self.words, *added], self.interpreter.speller.knows)
        forms = other_forms(text, self.analyzer, self.words, self.interpreter.speller.knows)
        understood = self.interpreter.interpret(text, without, right, forms)
        return asked(understood, self.analyzer, self.words, self.encoder, row_of or self.words.lexicon.find)
