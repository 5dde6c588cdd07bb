"""The price that a query asks for: "under 50", "20-30 €", "zwischen 20 und 30", "moins de 50".

Careful with what is no price: a number with a unit ("under 5 kg", "50 inch"), what counts things or years ("over 1000
pieces", "women over 50"), versions ("windows 10"), sizes ("4 x 6"), and names ("under armour").
"""

import re
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from lookup.text.normalise import normalise
from lookup.text.units import UNITS
from lookup.understanding.price_words import SIGNS, spoken

LONGEST_QUERY = 2_000
"""Characters; what stands after them is no price."""
AROUND = 0.2
""""around 50" goes so far below and above, as a share."""
HIGHEST = 1e9
"""A larger number is no price."""


class PriceRange(NamedTuple):
    """What a query says of the price, both ends included."""

    low: float | None
    high: float | None
    currency: str
    """ISO 4217; empty where the query names none, or one that depends on the country. Prices are not converted."""
    words: str
    """Where the query says so, normalised."""
    start: int
    end: int
    """The words' place in the normalised query."""


class Prices:
    """Finds prices in queries of given languages, by the names of `lookup.text.stems`. Thread-safe."""

    def __init__(self, languages: tuple[str, ...] = ("english",)):
        self._forms, self._people, self._codes = _compiled(tuple(languages))

    def find(self, text: str) -> PriceRange | None:
        """The first price that a query names; None where it names none."""
        query = normalise(text[:LONGEST_QUERY])
        if not any(one.isdigit() for one in query):
            return None
        for kind, pattern in self._forms:
            for found in pattern.finditer(query):
                price = self._read(kind, found, query)
                if price is not None:
                    return price
        return None

    def _read(self, kind: str, found: re.Match[str], query: str) -> PriceRange | None:
        """A match as a range; None where its words mean something else."""
        named = [found[name] for name in ("c1", "c2", "d1", "d2") if name in found.re.groupindex and found[name]]
        if not named and self._people.search(query[: found.start()]):
            return None
        numbers = [amount(found[name]) for name in ("n1", "n2") if name in found.re.groupindex]
        if any(one is None for one in numbers):
            return None
        first, last = numbers[0] or 0.0, numbers[-1] or 0.0
        low, high = {
            "under": (None, last),
            "over": (first, None),
            "around": (round(first * (1 - AROUND), 2), round(first * (1 + AROUND), 2)),
            "range": (min(first, last), max(first, last)),
        }[kind]
        currency = next((self._codes[one] for one in named if self._codes[one]), "")
        return PriceRange(low, high, currency, found[0].strip(), found.start(), found.end())


def amount(text: str) -> float | None:
    """The number that a text such as "1,299.50", "1.299,50", "49,-" or "1.5k" means; None for none."""
    thousands = 1000.0 if text.endswith("k") else 1.0
    digits = text.rstrip("k").rstrip("-.,")
    grouped = re.fullmatch(r"[0-9]{1,3}(?:([.,])[0-9]{3}(?:\1[0-9]{3})*)(?:[.,][0-9]{1,2})?", digits)
    if grouped:
        digits = digits.replace(grouped[1], "")
    try:
        value = float(digits.replace(",", ".")) * thousands
    except ValueError:
        return None
    return value if isfinite(value) and value <= HIGHEST else None


def _either(names: list[str]) -> str:
    """A pattern for any of the texts, longest first; words end where they end."""
    parts = [
        re.escape(one) + (r"\b" if one[-1:].isalnum() else "") for one in sorted(set(names), key=lambda n: (-len(n), n))
    ]
    return "(?:" + "|".join(parts) + ")"


@lru_cache(maxsize=16)
def _compiled(
    languages: tuple[str, ...],
) -> tuple[list[tuple[str, re.Pattern[str]]], re.Pattern[str], dict[str, str]]:
    """The patterns by kind, in the order in which they are tried; people before a number; codes of currencies."""
    spoke = spoken(languages)

    def all_of(name: str) -> list[str]:
        return [one for words in spoke for one in getattr(words, name)]

    codes = {key: code for words in spoke for key, code in words.currency.items()} | SIGNS
    currency = _either(list(codes))
    number = r"[0-9]{1,9}(?:[.,][0-9]{1,9}){0,3}(?:k|[.,]--?)?(?![\w])(?![.,][0-9])"
    # A unit or a counted thing after a number says that it is no price. "l" and "in" are units and words: both stop it.
    counted = rf"(?! ?(?:%|\"|'|x ?[0-9]|-?{_either([*UNITS, *all_of('counted')])}))"
    value = _either(all_of("no_price"))

    def one(n: int) -> str:
        """An amount, with a currency or without."""
        before, after = rf"(?P<c{n}>{currency}) ?", rf" ?(?P<d{n}>{currency})"
        return rf"(?:{before})?(?P<n{n}>{number})(?:{after}|{counted})"

    def priced(n: int) -> tuple[str, str]:
        """An amount with a currency: before it, and behind it."""
        before, after = rf"(?P<c{n}>{currency}) ?", rf" ?(?P<d{n}>{currency})"
        return rf"(?:{before}(?P<n{n}>{number})(?: ?{currency})?)", rf"(?:(?P<n{n}>{number}){after})"

    start = r"(?<![\w.,/-])"
    end = r"(?![-/][0-9a-z])"
    forms: list[tuple[str, str]] = []
    for key in ("between", "to"):
        pairs: list[tuple[str, str]] = [pair for words in spoke for pair in getattr(words, key)]
        for before, middle in dict.fromkeys(pairs):
            head = rf"{start}{re.escape(before)} " if before else start
            joint = rf" ?{re.escape(middle)} ?" if middle == "-" else rf" {re.escape(middle)} "
            if key == "between":
                forms.append(("range", head + one(1) + joint + one(2)))
            else:
                first, last = priced(1)
                forms.append(("range", head + first + joint + one(2)))
                forms.append(("range", head + last + joint + one(2)))
                for second in priced(2):
                    forms.append(("range", head + rf"(?P<n1>{number})" + joint + second))
    for kind, strong, weak in (
        ("under", "under", "under_weak"),
        ("over", "over", "over_weak"),
        ("around", "", "around"),
    ):
        signs = {"under": "<=|=<|<|≤", "over": ">=|=>|>|≥", "around": "~|≈"}[kind]
        if strong:
            forms.append((kind, rf"{start}{_either(all_of(strong))} " + one(1) + end))
        if kind != "around":
            forms.append((kind, rf"(?:{signs}) ?" + one(1) + end))
        for with_currency in priced(1):
            forms.append((kind, rf"{start}(?:{_either(all_of(weak))} |(?:{signs}) ?)" + with_currency))
    for key, kind in ("or_less", "under"), ("or_more", "over"):
        for amounts in priced(1):
            forms.append((kind, start + amounts + " ?" + _either(all_of(key))))
    for bare in priced(1):
        forms.append(("under", start + bare + rf"(?! ?{value})"))
    people = re.compile(rf"\b{_either(all_of('people'))} (?:(?:of|aged|ab|who are) )?$")
    return [(kind, re.compile(pattern)) for kind, pattern in forms], people, codes
