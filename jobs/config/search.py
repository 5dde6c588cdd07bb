"""The sections of the configuration that say what was searched for, and how search is built."""

import re
from typing import Annotated

from pydantic import AfterValidator, field_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from jobs.config.bounds import EXPECTED, TABLE, Days, Files, Text, Truth, Within
from jobs.config.reading import Encoding, TimeFormat

SNOWBALL = {
    **{"ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english"},
    **{"eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish"},
    **{"fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian"},
    **{"it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian"},
    **{"pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "st": "sesotho"},
    **{"sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish"},
}
"""ISO 639-1 → the name of the language in Snowball 3.1, which stems its words."""
SEGMENTED = {"zh": "chinese", "ja": "japanese", "ko": "korean"}
"""Languages without stems, which are told by their script. Chinese and Japanese are written without blanks."""
LANGUAGES = tuple(sorted({*SNOWBALL.values(), *SEGMENTED.values()}))
TYPES = ("shown", "click", "purchase")
"""What a row of searches says of its item."""


def _language(name: str) -> str:
    if name not in LANGUAGES:
        raise PydanticCustomError(EXPECTED, "one of {names}", {"names": ", ".join(LANGUAGES)})
    return name


Language = Annotated[Text, AfterValidator(_language)]


@dataclass(frozen=True, config=TABLE)
class SearchesConfig:
    """`[[searches]]`: the query log; several tables may stand side by side. Without any, titles and categories stand in
    for what people type.

    A row is a search, or one item of its results. A row with an item says that the item was clicked, bought or shown.
    Columns are named as those of items.
    """

    files: Files
    """As of items."""
    query: Text
    """The words as they were typed."""
    time: Text
    """When."""
    time_format: TimeFormat | None = None
    """As of events."""
    user_id: Text | None = None
    """Who searched; null for a guest."""
    session: Text | None = None
    """What stands for the user where `user_id` is null, such as the number of a session: a guest's searches belong
    together by it."""
    item_id: Text | None = None
    """The item that was clicked, bought or shown; null where the row is a search alone."""
    type: Text = "'click'"
    """A column, or a quoted constant: 'click', 'purchase', or 'shown' for an item that was among the results and was
    not clicked. It counts where there is an item."""
    position: Text | None = None
    """The place of the item among the results, 1 for the first."""
    results: Text | None = None
    """How many results the search had."""
    search_id: Text | None = None
    """The number of the search: rows with the same are one search. Without it user, query and time together name it."""
    where: Text | None = None
    """A condition (Spark SQL) that rows must meet; the others are left out."""
    encoding: Encoding | None = None
    """As of items."""

    @field_validator("type")
    @classmethod
    def _known_constant(cls, kind: str) -> str:
        constant = re.fullmatch(r"\s*'([^']*)'\s*", kind)
        if constant and constant[1].strip() not in TYPES:
            known = ", ".join(f"'{one}'" for one in TYPES)
            raise PydanticCustomError(EXPECTED, "a column, or one of {known}", {"known": known})
        return kind


@dataclass(frozen=True, config=TABLE)
class SearchConfig:
    """`[search]`: how search is built."""

    enabled: Truth = True
    """Whether a release answers searches. Without, `[[searches]]` is not read."""
    languages: list[Language] | None = None
    """The languages of the catalogue and its users, by their names in Snowball, or "chinese", "japanese", "korean".
    Words are stemmed by all of them; an empty list stems nothing. By default the night tells them from the titles."""
    synonyms: Text | None = None
    """A file of the shop's own, relative to the TOML file, in UTF-8: `a, b, c` on a line mean one another, `a => b`
    finds b for a only, and `#` after a blank begins a comment."""
    redirects: Text | None = None
    """A CSV file in UTF-8, relative to the TOML file, with columns `query` and `target`: a URL, or the name of a
    category."""
    most_queries: Annotated[int, Within(0, 1_000_000)] = 10_000
    """So many of the most frequent queries get precomputed lists."""
    max_age_days: Days = 7
    """A night that is not `--full` uses an encoder of queries again that is at most this old, where at most a tenth of
    the titles are others than it learned from."""
    days: Days = 90
    """The last so many days of the log before the night count."""
