"""What the cells of records say, as SQL for DuckDB: ids by the one rule (`lookup.keys.clean_id`), and numbers."""

from duckdb import DuckDBPyConnection

from lookup.item_fields import NUMERAL
from lookup.keys import LARGEST, TRIMMED, WHOLE

COMMA = r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+"
"""A number with a decimal comma, and perhaps points between the thousands."""
THOUSANDS = r"[+-]?[0-9]{1,3}([.,][0-9]{3})+"
"""May be a whole number with signs between the thousands, or a number with three decimals."""


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def id_of(expression: str, kind: str) -> str:
    """The SQL for the id that an expression of a type gives; NULL where it gives none."""
    if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
        whole = f"({expression}) = trunc({expression}) AND abs({expression}) <= {LARGEST}"
        return f"CASE WHEN {whole} THEN ({expression})::HUGEINT::VARCHAR END"
    trimmed = f"trim(nfc_normalize(({expression})::VARCHAR), {quoted(TRIMMED)})"
    return f"nullif(regexp_replace({trimmed}, {quoted(f'^{WHOLE}$')}, '\\1'), '')"


def number_of(db: DuckDBPyConnection, expression: str, kind: str, source: str) -> str:
    """The SQL for the number that an expression of a type gives; NULL where it gives none.

    A column of texts has decimal commas where one of its texts can mean nothing else (`1,50`), and none a decimal
    point. There `1.234` is a thousand.
    """
    if kind != "VARCHAR":
        return f"TRY_CAST(({expression}) AS DOUBLE)"
    text = f"trim({expression}, {quoted(TRIMMED)})"

    def is_(pattern: str) -> str:
        return f"regexp_full_match({text}, {quoted(pattern)})"

    row = db.execute(
        f"""SELECT coalesce(bool_or({is_(COMMA)} AND NOT {is_(THOUSANDS)}), false),
            coalesce(bool_or({is_(NUMERAL)} AND contains({text}, '.') AND NOT {is_(THOUSANDS)}), false) FROM {source}"""
    ).fetchone()
    commas, points = row if row is not None else (False, False)
    unsure = is_(THOUSANDS)
    with_comma = f"replace(replace({text}, '.', ''), ',', '.')::DOUBLE"
    if commas and not points:
        return f"CASE WHEN {is_(COMMA)} OR {unsure} THEN {with_comma} WHEN {is_(NUMERAL)} THEN {text}::DOUBLE END"
    return f"CASE WHEN {is_(NUMERAL)} THEN {text}::DOUBLE WHEN {is_(COMMA)} AND NOT {unsure} THEN {with_comma} END"
