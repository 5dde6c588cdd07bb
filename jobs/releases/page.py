"""`report.html`: one static page that says what changed, how good the lists are, what the gate said (`validate` adds
that), and what the night cost.
"""

from collections.abc import Container, Iterable, Sequence
from html import escape

from lookup.release.manifest import Manifest
from lookup.retrieval.index_choice import IndexChoice

REPORT_FILE = "report.html"

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.25rem .9rem;border-bottom:1px solid #ddd}
th{text-align:left}td{text-align:right;font-variant-numeric:tabular-nums}td:first-child{text-align:left}
tr.strong td{font-weight:600}table.said td:last-child{text-align:left}"""


def render(manifest: Manifest, parent: Manifest | None, more: Sequence[str] = ()) -> str:
    """The page, as HTML. parent: of the release in place, if any. more: further parts, before what it cost."""
    before = parent.counts if parent else {}
    counts = [
        (name, value, before.get(name), change(value, before.get(name))) for name, value in manifest.counts.items()
    ]
    search = manifest.index_choice
    sections = [
        f"<h1>{escape(manifest.shop)}, {escape(manifest.date)}</h1>",
        f"<p>Release {escape(manifest.id)}, built {escape(manifest.created)}. "
        f"Before: {escape(parent.id) if parent else 'none'}. "
        f"Space {manifest.space_id}, model {escape(str(manifest.model['model']))}.</p>",
        "<h2>What is in it</h2>",
        table(("", "now", "before", "change"), counts),
        "<h2>How good it is</h2>",
        "<p>Measured on days held out of training.</p>",
        metrics_table(manifest, parent),
        *ranker_table(manifest),
        f"<p>For the vector of a session {search.recall:.1%} of the exact first 20 items are found, by method "
        f"{search.method!r}. {_speeds(search)}.</p>",
        *more,
        "<h2>What it cost</h2>",
        table(
            ("job", "seconds", "peak MiB"),
            [(r["job"], r["seconds"], r["peak_mib"]) for r in manifest.receipt],
        ),
    ]
    title = f"{escape(manifest.shop)}: {manifest.id}"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n<style>{STYLE}</style>\n'
        + "\n".join(sections)
        + "\n</html>\n"
    )


def _speeds(search: IndexChoice) -> str:
    times = {"scan": search.scan_us, "sketch": search.sketch_us, "annoy": search.annoy_us}
    said = "; ".join(f"{name} {us:,.0f} µs" for name, us in times.items() if us is not None)
    return f"A query took {said} (Annoy for {search.annoy_recall:.1%})"


def metrics_table(manifest: Manifest, parent: Manifest | None) -> str:
    """Of the lists: a row a method, a column a metric, and the release before under its own name."""
    of_lists = [m for m in manifest.metrics if "@" in m["metric"]]
    values = {(m["method"], m["metric"]): m["value"] for m in of_lists}
    if parent:
        values |= {("daybreak, before", m["metric"]): m["value"] for m in parent.metrics if m["method"] == "daybreak"}
    names = list(dict.fromkeys(m["metric"] for m in of_lists))
    methods = list(dict.fromkeys(method for method, _ in values))
    rows = [(method, *(values.get((method, name)) for name in names)) for method in methods]
    return table(("method", *names), rows, strong=["daybreak"])


def ranker_table(manifest: Manifest) -> list[str]:
    """Of the ranker: a row a metric, a column a method; nothing where it was not measured."""
    values = {(m["method"], m["metric"]): m["value"] for m in manifest.metrics if "@" not in m["metric"]}
    methods, names = (list(dict.fromkeys(key[n] for key in values)) for n in (0, 1))
    rows = [(name, *(f"{values[method, name]:.5f}" for method in methods)) for name in names]
    return [table(("of what was shown", *methods), rows)] if rows else []


def change(now: int, before: int | None) -> str | None:
    """The change as a signed percentage; None where there is nothing to compare with."""
    return f"{now / before - 1:+.1%}" if before else None


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], strong: Container[object] = (), said: bool = False
) -> str:
    """An HTML table; None stays empty. strong: what begins the rows that stand out. said: the last column is words."""
    lines = ["<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    for row in rows:
        marked = ' class="strong"' if row[0] in strong else ""
        lines.append(f"<tr{marked}>" + "".join(f"<td>{escape(show(value))}</td>" for value in row) + "</tr>")
    return ('<table class="said">\n' if said else "<table>\n") + "\n".join(lines) + "\n</table>"


def show(value: object) -> str:
    """A value for people: thousands apart, four decimals."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
