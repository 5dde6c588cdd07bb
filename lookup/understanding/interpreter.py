"""One query, understood: what was meant, and what of it is a price, a size, a colour, a brand or a category."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lookup.text.analyzer import Analyzer, Token
from lookup.text.normalise import normalise
from lookup.understanding.arrays import Arrays
from lookup.understanding.attributes import Attributes, Value, joined
from lookup.understanding.intents import Brands, IntentTable, Meant, NamedBrand
from lookup.understanding.prices import LONGEST_QUERY, PriceRange, Prices
from lookup.understanding.rewrites import Redirect, Rewrites, Synonym, keys_of
from lookup.understanding.spelling.speller import AS_TYPED, NO_FORMS, Guess, Speller

PARTS = ("redirect", "price", "spelling", "size", "colour", "values", "brand", "category", "synonyms")
"""What can be switched off in a call."""
MOST_TOKENS = 64
"""Words of a query that are understood; further ones are searched for all the same."""
JOINED = 0.9
"""What a match of the joined form of two words counts beside the words."""
NAME = 0.3
"""A named brand counts as meant from this share on."""


@dataclass(frozen=True)
class Interpretation:
    """What a query means. Rows are those of the release that the arrays are from."""

    typed: str
    """As typed, normalised."""
    text: str
    """What is to be searched for: corrected, without the words of a price."""
    tokens: tuple[Token, ...] = ()
    """The words of `text`, at most `MOST_TOKENS`."""
    corrected: tuple[tuple[str, str], ...] = ()
    """What was typed and what it became. Empty: nothing was corrected."""
    price: PriceRange | None = None
    sizes: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    """English names."""
    values: tuple[Value, ...] = ()
    """Values of the shop's declared features."""
    named_brands: tuple[NamedBrand, ...] = ()
    brands: tuple[Meant, ...] = ()
    """P(brand | query), best first."""
    categories: tuple[Meant, ...] = ()
    """P(category | query), best first."""
    synonyms: tuple[Synonym, ...] = ()
    redirect: Redirect | None = None
    guesses: tuple[Synonym, ...] = ()
    """What else misspelt words may have been; an item that holds one of them matches as well."""

    @property
    def brand(self) -> NamedBrand | None:
        """The brand that the query asks for by name, if its name is seldom anything else."""
        likely = [one for one in self.named_brands if one.probability >= NAME]
        return max(likely, key=lambda one: one.probability) if likely else None


class Interpreter:
    """Understands queries by the arrays of a release (`lookup.understanding.arrays`). Thread-safe."""

    def __init__(self, arrays: Arrays, analyzer: Analyzer):
        self._analyzer = analyzer
        self._speller = Speller(arrays, analyzer)
        self._prices = Prices(analyzer.languages)
        self._attributes = Attributes(arrays)
        self._brands = Brands(arrays)
        terms = keys_of(arrays, "meaning_terms")
        self._brand = IntentTable(arrays, terms, "brand")
        self._category = IntentTable(arrays, terms, "category")
        self._rewrites = Rewrites(arrays, analyzer)

    @property
    def speller(self) -> Speller:
        """For the likeliest known words of one unknown word."""
        return self._speller

    def interpret(
        self,
        text: str,
        without: Collection[str] = (),
        right: Mapping[str, float] | None = None,
        forms: Mapping[str, str] = NO_FORMS,
    ) -> Interpretation:
        """What a query means. Never raises for a str. without: some of `PARTS`, which are left out. right, forms: words
        that may be right though the shop lacks them (`Speller.read`).

        Raises ValueError for an unknown part.
        """
        unknown = set(without) - set(PARTS)
        if unknown:
            raise ValueError(f"no part of a query is called {sorted(unknown)[0]!r:.100}; there are {', '.join(PARTS)}")
        typed = normalise(text, LONGEST_QUERY)
        on = {part: part not in without for part in PARTS}
        redirect = self._redirect(typed) if on["redirect"] else None
        price, rest = self._price(typed) if on["price"] else (None, typed)
        reading = self._speller.read(rest, right, forms) if on["spelling"] and redirect is None else AS_TYPED
        correction = reading.correction
        if correction is not None:
            rest = correction.text
            if price is None and on["price"]:
                price, rest = self._price(rest)
            if on["redirect"]:
                redirect = self._redirect(rest) if price is None else None
        tokens = self._analyzer.tokens(rest)[:MOST_TOKENS]
        terms = self._terms(rest) if on["brand"] or on["category"] else []
        return Interpretation(
            typed=typed,
            text=rest,
            tokens=tuple(tokens),
            corrected=correction.changes if correction else (),
            price=price,
            sizes=self._attributes.sizes(rest, tokens) if on["size"] else (),
            colours=self._attributes.colours(tokens) if on["colour"] else (),
            values=self._attributes.values(tokens) if on["values"] else (),
            named_brands=self._brands.named(tokens) if on["brand"] else (),
            brands=self._brand.meant(terms) if on["brand"] else (),
            categories=self._category.meant(terms) if on["category"] else (),
            synonyms=self._synonyms(tokens) if on["synonyms"] else (),
            redirect=redirect,
            guesses=_guesses(tokens, reading.guesses),
        )

    def _synonyms(self, tokens: list[Token]) -> tuple[Synonym, ...]:
        """The shop's synonyms, and the joined forms of words that it only has joined."""
        joined = [
            Synonym(f"{tokens[at].text} {word[len(tokens[at].text) :]}", at, at + 2, word, JOINED)
            for at, word in self._speller.joins(tokens)
        ]
        return (*self._rewrites.synonyms(tokens), *joined)

    def _redirect(self, query: str) -> Redirect | None:
        return self._rewrites.redirect(joined(self._analyzer.tokens(query)[: MOST_TOKENS + 1]))

    def _terms(self, query: str) -> list[str]:
        return [position[0] for position in self._analyzer.terms(query)[:MOST_TOKENS] if position]

    def _price(self, query: str) -> tuple[PriceRange | None, str]:
        """The price of a normalised query, and the query without its words."""
        price = self._prices.find(query)
        if price is None:
            return None, query
        return price, " ".join((query[: price.start] + " " + query[price.end :]).split())


def _guesses(tokens: list[Token], guesses: tuple[Guess, ...]) -> tuple[Synonym, ...]:
    """The guesses at the places of their words."""
    return tuple(
        Synonym(guess.word, at, at + 1, guess.instead, guess.weight)
        for guess in guesses
        for at, token in enumerate(tokens)
        if token.text == guess.word
    )
