"""The columns that the configuration names: found whatever they are called, and read as texts and paths."""

import difflib
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from jobs.errors import ConfigError
from jobs.infra.cluster.errors import summary
from jobs.infra.spark import CALLS_OF_JAVA
from jobs.stages.ingest.spark.reading.spark_types import named
from jobs.stages.ingest.spark.shop_files import HIDDEN

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

LIST_BEGINS = r"^\s*\[\s*(\]|[\[\"'])"
"""Begins a text that is a JSON array of texts, or a list as Python writes it."""
MOST, LONGEST = 60, 60
"""Columns in a message, and characters of a name."""
USUAL = ("name", "title", "value", "text", "id")
"""Fields of a structure that are likely meant."""
PATHS_BEGIN = r"^\s*\[\s*\["
"""Begins an array of arrays: several paths of one item, of which the first counts."""
_FOUND: "WeakKeyDictionary[DataFrame, dict[str, tuple[Column, DataType]]]" = WeakKeyDictionary()
"""Tables that are read → what the configuration names in them, and its type: Spark takes long to analyze each anew."""


def column(frame: "DataFrame", expression: str, key: str) -> "Column":
    """The column that a key of the configuration names: a column of the file, or a Spark SQL expression over them.

    A name may differ from the file's in case, in white space around it, and in how Unicode composes its letters.
    Raises ConfigError, naming the key and the columns of the file, where it is neither.
    """
    return _found(frame, expression, key)[0]


def type_of(frame: "DataFrame", expression: str, key: str) -> "DataType":
    """The Spark type of what a key names."""
    return _found(frame, expression, key)[1]


def _found(frame: "DataFrame", expression: str, key: str) -> "tuple[Column, DataType]":
    known = _FOUND.setdefault(frame, {})
    if expression not in known:
        known[expression] = _look_up(frame, expression, key)
    return known[expression]


def _look_up(frame: "DataFrame", expression: str, key: str) -> "tuple[Column, DataType]":
    from pyspark.errors import AnalysisException, ParseException
    from pyspark.sql import functions as F

    names = [c for c in frame.columns if c not in HIDDEN]
    alike = [name for name in names if name == expression] or [n for n in names if _plain(n) == _plain(expression)]
    if len(alike) == 1:
        return named(alike[0]), frame.schema[alike[0]].dataType
    try:
        result = F.expr(expression)
        kind = frame.select(result.alias("of")).schema["of"].dataType
    except (AnalysisException, ParseException) as error:
        plain = {_plain(name): name for name in names}
        near = difflib.get_close_matches(_plain(expression), plain, 1)
        meant = f"; did you mean {plain[near[0]]!r}?" if near else ""
        # Spark's own words help with an expression; of a mistyped name they say nothing more.
        words = f" ({summary(error)})" if not expression.replace(" ", "").isidentifier() else ""
        java = any(f"`{name}`" in str(error).lower() for name in CALLS_OF_JAVA)  # as Spark names a function
        words += "; shop.java_calls = true allows expressions to call Java, if that is meant" if java else ""
        raise ConfigError(
            f"{key} = {expression!r} is neither a column nor an expression over the columns: {_listed(names)}"
            f"{meant}{words}"
        ) from None
    return result, kind


def kind_of(frame: "DataFrame", expression: str, key: str) -> str:
    """The name of that type, such as `bigint`; a char of fixed length is a `string`, too."""
    kind = type_of(frame, expression, key).simpleString()
    return "string" if kind.startswith(("char", "varchar", "string")) else kind


def scalar(frame: "DataFrame", expression: str, key: str) -> "Column":
    """A column of single values. Raises ConfigError, with what to write, where it holds lists or structures."""
    kind = kind_of(frame, expression, key)
    if kind.startswith("array"):
        raise ConfigError(
            f"{key} = {expression!r} holds lists ({kind}); name one element, as in {expression + '[0]'!r}"
        )
    _no_structures(frame, expression, key)
    return column(frame, expression, key)


def joined(frame: "DataFrame", expressions: str | Iterable[str], key: str, separator: str = " ") -> "Column":
    """One text of one or several columns, without null and empty parts; null where no part is left.

    The texts of a list, and of a JSON array, are parts.
    """
    from pyspark.sql import functions as F

    parts = [expressions] if isinstance(expressions, str) else list(expressions)
    texts = [_text(frame, part, key, separator) for part in parts]
    return F.nullif(F.concat_ws(separator, *texts), F.lit(""))


def path(frame: "DataFrame", expressions: str | list[str], key: str, separator: str) -> "Column":
    """A path as a list of names, from the widest to the narrowest; empty where the shop gives none.

    expressions: a list of columns, the widest first; or one column, a list or a text that `separator` separates.
    """
    from pyspark.sql import functions as F

    if isinstance(expressions, str):
        split = "\\Q" + separator.replace("\\E", "\\E\\\\E\\Q") + "\\E"
        parts = _names(frame, expressions, key, lambda text: F.split(F.coalesce(text, F.lit("")), split))
    else:
        parts = F.flatten(F.array(*(_names(frame, part, key, F.array) for part in expressions)))
    return F.coalesce(F.array_distinct(_known(parts)), F.array().cast("array<string>"))


def _text(frame: "DataFrame", expression: str, key: str, separator: str) -> "Column":
    """One column as text; null where it is empty."""
    from pyspark.sql import functions as F

    kind = kind_of(frame, expression, key)
    if kind == "string":
        raw = column(frame, expression, key)
        of_list = F.concat_ws(separator, _known(_json_names(raw)))
        text = F.when(raw.rlike(LIST_BEGINS), F.coalesce(of_list, raw)).otherwise(F.trim(raw))
    elif kind.startswith("array"):
        text = F.concat_ws(separator, _known(_elements(frame, expression, key, kind)))
    else:
        text = F.trim(scalar(frame, expression, key).cast("string"))
    return F.nullif(text, F.lit(""))


def _names(frame: "DataFrame", expression: str, key: str, of_text: "Callable[[Column], Column]") -> "Column":
    """One column as a list of names; of_text: the names in a text that is no JSON array."""
    from pyspark.sql import functions as F

    kind = kind_of(frame, expression, key)
    if kind.startswith("array"):
        return _elements(frame, expression, key, kind)
    text = scalar(frame, expression, key).cast("string")
    if kind != "string":
        return of_text(text)
    return F.when(text.rlike(LIST_BEGINS), F.coalesce(_json_names(text), of_text(text))).otherwise(of_text(text))


def _json_names(text: "Column") -> "Column":
    """The elements of a JSON array of texts, or of the first array in it; null where it is none."""
    from pyspark.sql import functions as F

    first = F.from_json(text, "array<array<string>>")[0]
    return F.when(text.rlike(PATHS_BEGIN), first).otherwise(F.from_json(text, "array<string>"))


def _elements(frame: "DataFrame", expression: str, key: str, kind: str) -> "Column":
    """The elements of a list as texts; of a list of lists those of the first."""
    _no_structures(frame, expression, key)
    raw = column(frame, expression, key)
    return (raw[0] if kind.startswith("array<array") else raw).cast("array<string>")


def _known(texts: "Column") -> "Column":
    """Texts without white space around them, and without empty ones."""
    from pyspark.sql import functions as F

    return F.filter(F.transform(texts, lambda part: F.trim(part, F.lit(" "))), lambda part: part != "")


def _no_structures(frame: "DataFrame", expression: str, key: str) -> None:
    """Raise ConfigError, with the fields to choose from, where a column holds structures or maps, or lists of them."""
    from pyspark.sql.types import ArrayType, MapType, StructType

    kind = type_of(frame, expression, key)
    while isinstance(kind, ArrayType):
        kind = kind.elementType
    if isinstance(kind, StructType):
        example = next((name for name in kind.names if name in USUAL), kind.names[0] if kind.names else "")
        raise ConfigError(
            f"{key} = {expression!r} holds structures of {', '.join(kind.names)}; name one of these, "
            f"as in {f'{expression}.{example}'!r}"
        )
    if isinstance(kind, MapType):
        raise ConfigError(f"{key} = {expression!r} holds maps; name one entry, as in \"{expression}['name']\"")


def _listed(names: list[str]) -> str:
    shown = ", ".join(name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in names[:MOST])
    return shown + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip("\ufeff \t\r\n").casefold()
