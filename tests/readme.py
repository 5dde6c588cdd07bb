"""The README's tables of a release, made from `lookup.release.schema`: `python -m tests.readme` writes them into the
file."""

from pathlib import Path

from lookup.release.schema import ARRAYS, CATALOG

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- tables: made from lookup/schema.py by `python -m tests.readme`, which a test runs -->\n"
END = "<!-- end of tables -->"


def tables() -> str:
    """Two tables in Markdown: of the catalog and of the arrays."""
    lines = ["| table | key | columns | what |", "|---|---|---|---|"]
    for table in CATALOG:
        columns = ", ".join(f"`{c.name}`" for c in table.columns)
        lines.append(f"| `{table.name}` | {', '.join(f'`{k}`' for k in table.key)} | {columns} | {table.doc} |")
    lines += [
        "",
        "I items, U users, C categories, D dimensions, N followers, K, S, B, P lengths of lists, G of a category path,",
        "M brands, F declared features and V their texts, E events of all histories, R dimensions of a sketch,",
        "L labels, H and T dimensions of the behaviour and the text part, Q of one head:",
        "",
    ]
    lines += ["| array | type | shape | what |", "|---|---|---|---|"]
    lines += [f"| `{a.name}` | {a.dtype} | {' × '.join(a.shape)} | {a.doc} |" for a in ARRAYS]
    return "\n" + "\n".join(lines) + "\n\n"


def with_tables(text: str) -> str:
    """The README with the tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + tables() + END + rest.partition(END)[2]


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
