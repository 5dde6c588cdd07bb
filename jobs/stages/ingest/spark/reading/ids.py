"""Ids in Spark: the rule of `lookup.keys.clean_id`, from the same statement."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from jobs.errors import ConfigError
from jobs.infra.logging import log_line
from jobs.stages.ingest.spark.reading.columns import column, kind_of
from jobs.stages.ingest.spark.reading.spark_types import is_fraction, is_number, is_whole, number_text
from jobs.stages.ingest.spark.shop_files import COMPOSED, FILE
from lookup.keys import LONGEST_ID, TRIMMED, WHOLE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

DECIMALS = "__daybreak_decimals"
_LOOKED_AT: "WeakKeyDictionary[DataFrame, dict[str, bool]]" = WeakKeyDictionary()
"""Tables that are read → their ids, and whether all of these are in normal form."""


def identifier(frame: "DataFrame", expression: str, key: str) -> "Column":
    """An id as text, as `lookup.keys.clean_id` has it; null where there is none, and for a number that is no id.

    Raises ConfigError where the column holds neither texts nor numbers.
    """
    from pyspark.sql import functions as F

    raw, kind = column(frame, expression, key), kind_of(frame, expression, key)
    if kind == "string":
        text = _trimmed(frame, expression, key)
        whole = F.when(_is_decimal(text), F.regexp_replace(text, r"\.0+$", "")).otherwise(text)
        return F.nullif(whole, F.lit(""))
    if kind != "void" and not is_number(kind):
        raise ConfigError(f"{key} = {expression!r} is of type {kind}; an id is a text or a whole number")
    return F.when(is_whole(raw), number_text(raw, kind)) if is_fraction(kind) else raw.cast("string")


def id_rules(frame: "DataFrame", expression: str, key: str, *, needed: bool = True) -> "list[tuple[Column, str]]":
    """The rules of an id: whether a row breaks one, and the reason. needed: whether it must be there."""
    from pyspark.sql import functions as F

    raw, value = column(frame, expression, key), identifier(frame, expression, key)
    kind, name = kind_of(frame, expression, key), key.rpartition(".")[2]
    no_id = (
        [(~is_whole(raw) & ~F.isnan(raw.cast("double")), f"{name} is not a whole number")] if is_fraction(kind) else []
    )
    longest = (F.char_length(value) > LONGEST_ID, f"{name} has more than {LONGEST_ID} characters")
    missing = [(value.isNull(), f"{name} is missing")] if needed else []
    return [*no_id, *missing, longest]


def decimals(frame: "DataFrame", ids: Mapping[str, str]) -> "Column":
    """Column DECIMALS: which ids of a row stand in the file as whole numbers with decimals, such as `12.0`; a bit each.

    ids: key of the configuration → column.
    """
    from pyspark.sql import functions as F

    bits = F.lit(0)
    for place, (key, expression) in enumerate(ids.items()):
        if kind_of(frame, expression, key) == "string":
            bits = bits + F.when(_is_decimal(_trimmed(frame, expression, key)), 1 << place).otherwise(0)
    return bits.cast("tinyint").alias(DECIMALS)


def tell_two_forms(bits: int, frame: "DataFrame", ids: Mapping[str, str]) -> None:
    """Log the columns that have whole numbers with decimals and without: `12.0` and `12` are one id.

    bits: those of column DECIMALS that are set in any record of `frame`.
    """
    from pyspark.sql import functions as F

    for place, (key, expression) in enumerate(ids.items()):
        if not bits >> place & 1:
            continue
        text = _trimmed(frame, expression, key)
        found = frame.agg(
            F.count_if(_is_decimal(text)).alias("with"),
            F.count_if(text.rlike("^[+-]?[0-9]+$")).alias("without"),
            F.min(F.when(_is_decimal(text), text)).alias("example"),
        ).first()
        if found["without"]:
            note = f"{found['example']} and {found['example'].partition('.')[0]} are one id"
            log_line("ingest", "ids-of-two-forms", key=key, decimals=found["with"], whole=found["without"], note=note)


def _trimmed(frame: "DataFrame", expression: str, key: str) -> "Column":
    """A text in normal form C without white space and marks at its ends."""
    from pyspark.sql import functions as F

    raw = column(frame, expression, key)
    return F.btrim(raw if _is_composed(frame, expression, raw) else _normal_form()(raw), F.lit(TRIMMED))


def _is_composed(frame: "DataFrame", expression: str, raw: "Column") -> bool:
    """Whether no id needs to be brought into normal form: that costs a Python process for each task.

    Text files were looked at when they were opened. Of others, and of text with other letters, the ids are looked at
    here, once.
    """
    from pyspark.sql import functions as F

    if frame.schema[FILE].metadata.get(COMPOSED):
        return True
    looked_at = _LOOKED_AT.setdefault(frame, {})
    if expression not in looked_at:
        looked_at[expression] = not frame.filter(F.octet_length(raw) > F.char_length(raw)).limit(1).count()
    return looked_at[expression]


def _normal_form() -> "Callable[[Column], Column]":
    import pyarrow as pa
    from pyspark.sql.functions import arrow_udf

    @arrow_udf("string")  # type: ignore[untyped-decorator]
    def normal_form(texts: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        return pc.utf8_normalize(texts, form="NFC")

    made: Callable[[Column], Column] = normal_form
    return made


def _is_decimal(text: "Column") -> "Column":
    return text.contains(".0") & text.rlike(f"^{WHOLE}$")
