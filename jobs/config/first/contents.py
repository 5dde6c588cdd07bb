"""What the values of a column are, and how the configuration reads them: numbers, switches, paths."""

import re
from dataclasses import dataclass

import polars as pl

from jobs.config.service_articles import quoted

MOSTLY = 0.95
"""The share of the known values of a column that must be of a kind."""
PLAIN_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
MONEY = r"^[^\d.,+-]{0,6}[+-]?[^\d.,+-]{0,6}(\d[\d.,' \u00a0\u202f]*|[.,]\d+)[^\d.,+-]{0,6}$"
"""A number with a currency, with signs of thousands, or with a decimal comma."""
TRUE = {"true", "t", "yes", "y", "1"}
FALSE = {"false", "f", "no", "n", "0"}
"""Switches as Spark reads them."""
IN_STOCK = {"instock", "available", "ja", "j", "oui", "si", "lieferbar", "verfugbar", "auflager", "on", "active"}
OUT_OF_STOCK = {"outofstock", "unavailable", "nein", "non", "soldout", "ausverkauft", "nichtverfugbar", "off"}
OUT_OF_STOCK |= {"inactive", "nichtlieferbar", "discontinued", "backorder", "onbackorder"}
CANCELLED = re.compile(
    r".*(cancel|refund|return|void|fail|declin|reject|storn|abgebrochen|erstattet|retour|annul|rembours|delet).*"
)
"""States of an order that is none, in plain letters."""


@dataclass(frozen=True)
class Reading:
    """How the configuration reads a column."""

    expression: str
    """A column's name, or a Spark SQL expression."""
    note: str | None = None
    """What a person should check."""


def plain(text: str) -> str:
    """A name in letters and digits alone, without accents: `Größe (cm)` is `grossecm`."""
    import unicodedata

    folded = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return re.sub(r"[^a-z0-9]", "", folded)


def as_text(column: pl.Series) -> pl.Series:
    """The values trimmed, empty ones as null; a list as its parts, joined."""
    text = column.list.join(" ") if isinstance(column.dtype, pl.List) else column
    return text.str.strip_chars().replace("", None)


def known(column: pl.Series) -> pl.Series:
    """The values that are not empty, as `as_text` has them."""
    return as_text(column).drop_nulls()


def as_number(name: str, column: pl.Series) -> Reading | None:
    """How a column is read as a number; None where its values are none. A column without values may be one."""
    values = known(column)
    if values.is_empty() or _share(values, PLAIN_NUMBER) >= MOSTLY:
        return Reading(name)
    if _share(values, MONEY) < MOSTLY:
        return None
    digits = values.str.replace_all(r"[^\d.,]", "")
    comma, note = _decimal_comma(digits)
    keep, column_name = ("," if comma else "."), quoted(name)
    cleaned = f"regexp_replace({column_name}, '[^0-9{keep}-]', '')"
    return Reading(f"replace({cleaned}, ',', '.')" if comma else cleaned, note)


def _decimal_comma(digits: pl.Series) -> tuple[bool, str | None]:
    """Whether the comma, not the point, comes before the decimals; and a doubt about it."""
    last_comma = digits.str.contains(r",\d*$") & ~digits.str.contains(r",[\d,]*\.\d*$")
    both = digits.str.contains(",", literal=True) & digits.str.contains(".", literal=True)
    if both.any():
        return bool((digits.filter(both).str.contains(r"\..*,")).mean() > 0.5), None  # type: ignore[operator]
    if digits.str.contains(r"\.").any():
        # 1.234 may be a thousand. It is where every point has three digits behind it, and some value has two points.
        return bool(digits.str.contains(r"\..*\.").any()), None
    if digits.filter(last_comma).str.contains(r",\d{3}$").all():
        return False, "is 1,234 a thousand and more? It is read so"
    return True, None


def as_switch(name: str, column: pl.Series) -> Reading | None:
    """How a column is read as yes or no: words, or a number of pieces; None where its values say neither."""
    found = {value.casefold() for value in known(column).unique()}
    if found <= TRUE | FALSE:
        return Reading(name)
    if (number := as_number(name, column)) is not None:
        inner = quoted(name) if number.expression == name else number.expression
        return Reading(f"double({inner}) > 0")
    if len(found) > 20 or any(plain(word) not in IN_STOCK | OUT_OF_STOCK | TRUE | FALSE for word in found):
        return None
    listed = ", ".join(f"'{word}'" for word in sorted(found) if plain(word) in IN_STOCK | TRUE and "'" not in word)
    return Reading(f"lower(trim({quoted(name)})) IN ({listed})") if listed else None


def as_path(name: str, column: pl.Series) -> tuple[Reading, str | None]:
    """How a column is read as a path, and what separates its parts where that is not `>`."""
    if isinstance(column.dtype, pl.List):
        return Reading(name), None
    values = known(column)
    several = [sign for sign in (">", "|", "/", ";") if _share(values, re.escape(sign)) >= 0.1]
    if not several and _share(values, r"^[\w-]+(\.[\w-]+)+$") >= MOSTLY and not _share(values, r"^[\d.]+$"):
        return Reading(name), "."
    if not several or values.str.contains("://", literal=True).any():
        return Reading(name), None
    if several[0] == ">" and values.str.contains(r">.*,[^,]*>").any():
        return Reading(f"split({quoted(name)}, ',')[0]", "the first of several categories"), None
    return Reading(name), None if several[0] == ">" else several[0]


def cancelled(states: pl.Series) -> list[str]:
    """The states that say of an order that it is none."""
    return sorted(state for state in known(states).unique() if CANCELLED.fullmatch(plain(state)))


def _share(values: pl.Series, pattern: str) -> float:
    return float(values.str.contains(pattern).mean() or 0.0)  # type: ignore[arg-type]
