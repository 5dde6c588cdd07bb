"""Colours, sizes, and values of the shop's own declared features that a query names."""

import re
from typing import NamedTuple

from lookup.keys import Keys
from lookup.text.analyzer import Token
from lookup.understanding.arrays import Arrays

MOST_WORDS = 4
"""Words of the longest value or name that is looked for."""

_COLOURS = {
    "black": "schwarz schwarze schwarzer schwarzes noir noire noirs noires negro negra negros negras",
    "white": "weiss weisse weisser weisses blanc blanche blancs blanches blanco blanca blancos blancas",
    "grey": "gray grau graue grauer graues gris grise grises",
    "red": "rot rote roter rotes rouge rouges rojo roja rojos rojas",
    "blue": "blau blaue blauer blaues bleu bleue bleus bleues azul azules",
    "green": "grun grune gruner grunes vert verte verts vertes verde verdes",
    "yellow": "gelb gelbe gelber gelbes jaune jaunes amarillo amarilla amarillos amarillas",
    "orange": "naranja",
    "purple": "lila violett violet violette morado morada purpura",
    "pink": "rosa rose rosado rosada",
    "brown": "braun braune brauner braunes marron marrons",
    "beige": "",
    "silver": "silber silbern silberne argent argente plateado plata",
    "gold": "golden goldene dore doree dorado dorada",
    "turquoise": "turkis turquesa",
    "navy": "marineblau",
    "burgundy": "maroon bordeaux weinrot burdeos",
    "ivory": "elfenbein ivoire marfil",
    "bronze": "",
    "copper": "kupfer cuivre cobre",
    "teal": "",
    "khaki": "caqui",
    "transparent": "durchsichtig transparente",
    "multicolour": "multicolor multicoloured multicolored bunt mehrfarbig multicolore",
}
COLOURS = {name: colour for colour, others in _COLOURS.items() for name in (colour, *others.split())}
"""Names of colours, normalised → the English one. A shop's own values of a declared feature count too."""
_LETTERS = {"xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "2xl", "3xl", "4xl", "5xl"}
_ALONE = _LETTERS - {"s", "m", "l"}
"""Sizes that need no word before them: a single letter means something else too often."""
_SIZE = re.compile(
    r"(?<![\w-])(?:size|sizes|grosse|gr\.|taille|pointure|talla)[ :]{1,2}"
    r"(?P<size>[0-9]{1,3}(?:[.,][05])?(?: 1/2)?|[0-9]?x{0,4}[sml])(?![\w/])"
)


class Value(NamedTuple):
    """A value of a declared feature that a query names."""

    feature: int
    """Its row among the declared features."""
    value: int
    """Its row among the texts of declared features."""
    words: str
    """The words of the query, normalised."""


class Phrases:
    """Texts of one to `MOST_WORDS` words that are found in a query: the longest first, none inside another."""

    def __init__(self, table: Keys):
        self._table = table

    def find(self, tokens: list[Token]) -> list[tuple[int, int, int]]:
        """Row of the phrase, its first token, and the one after its last."""
        found, at = [], 0
        while at < len(tokens) and len(self._table):
            for end in range(min(at + MOST_WORDS, len(tokens)), at, -1):
                row = self._table.find(joined(tokens[at:end]))
                if row >= 0:
                    found.append((row, at, end))
                    at = end - 1
                    break
            at += 1
        return found


def joined(tokens: list[Token]) -> str:
    """The key of some words: their texts with single blanks, so that punctuation does not matter."""
    return " ".join([token.text for token in tokens])


class Attributes:
    """Finds colours, sizes and declared values by a release's arrays (`lookup.understanding.arrays.MEANING`)."""

    def __init__(self, arrays: Arrays):
        self._table = Keys(
            arrays["meaning_values_hash"], arrays["meaning_values_offsets"], arrays["meaning_values_bytes"]
        )
        self._phrases = Phrases(self._table)
        self._feature = arrays["meaning_value_feature"].data
        self._value = arrays["meaning_value_row"].data

    def values(self, tokens: list[Token]) -> tuple[Value, ...]:
        """The declared values that a query names, in its order."""
        return tuple(
            Value(self._feature[row], self._value[row], self._table.id(row)) for row, _, _ in self._phrases.find(tokens)
        )

    @staticmethod
    def colours(tokens: list[Token]) -> tuple[str, ...]:
        """The colours that a query names, in English, each once."""
        return tuple(dict.fromkeys(COLOURS[token.text] for token in tokens if token.text in COLOURS))

    @staticmethod
    def sizes(query: str, tokens: list[Token]) -> tuple[str, ...]:
        """The sizes of clothes and shoes that a normalised query names, each once: "size 10", "xl"."""
        said = [found["size"] for found in _SIZE.finditer(query)]
        return tuple(dict.fromkeys(said + [token.text for token in tokens if token.text in _ALONE]))
