"""The results of all runs: appended as Parquet, and the newest plotted and shown as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import polars as pl

from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.contest import Row
from tests.benchmarks.shared.figures import Figure
from tests.benchmarks.shared.machine import Machine

FOLDER = ROOT / ".benchmarks" / "peers"
"""Ignored by git."""


def append(rows: Sequence[Row], machine: Machine, folder: Path = FOLDER) -> Path:
    """Write the rows of one run as one more file of Parquet; its path."""
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    told = [{"at": now, "machine": machine.kind, "load": machine.load, "key": row.key, **asdict(row)} for row in rows]
    path = folder / f"{now:%Y%m%dT%H%M%S.%fZ}.parquet"
    pl.DataFrame(told, schema_overrides=TYPES, infer_schema_length=None).write_parquet(path)
    return path


TYPES = dict.fromkeys(("load", "ours", "theirs", "ratio", "noise", "ours_mib", "theirs_mib"), pl.Float64)


def earlier(machine: Machine, folder: Path = FOLDER) -> dict[str, list[float]]:
    """The ratios of all runs on such a machine by the keys of rows, the oldest first."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return {}
    every = pl.concat([pl.read_parquet(file) for file in files], how="diagonal_relaxed")
    known = every.filter((pl.col("machine") == machine.kind) & pl.col("ratio").is_not_null()).sort("at")
    grouped = known.group_by("key").agg("ratio")
    return {key: list(ratios) for key, ratios in grouped.iter_rows()}


def plot(
    rows: Sequence[Row], known: Mapping[str, Figure], before: Mapping[str, list[float]], folder: Path = FOLDER
) -> list[Path]:
    """Draw the ratios as PNG and SVG; their paths. Raises ModuleNotFoundError where matplotlib is missing.

    known: committed figures. before: ratios of all runs, those of this one last.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = [row for row in rows if row.ratio is not None][::-1]
    figure, axes = pyplot.subplots(figsize=(11, 1.2 + 0.27 * len(shown)), layout="constrained")
    for place, row in enumerate(shown):
        ratio = row.ratio or 0.0
        axes.barh(place, ratio - 1, left=1, height=0.62, color="#3b6fb6" if ratio >= 1 else "#d1733f")
        axes.plot([ratio * (1 - min(row.noise, 0.95)), ratio * (1 + row.noise)], [place, place], color="#222", lw=1)
        old = before.get(row.key, [])[:-1]
        axes.plot(old, [place] * len(old), "o", color="#999", ms=3, alpha=0.6)
        if row.key in known:
            axes.plot(known[row.key].ratio, place, "|", color="black", ms=11, mew=2)
        axes.annotate(
            f"{ratio:.3g} x", (max(ratio, 1), place), (5, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.set_xscale("log")
    axes.axvline(1, color="#222", lw=1)
    axes.set_yticks(range(len(shown)), [f"{row.contest}: {row.what}  |  {row.peer}" for row in shown], fontsize=8)
    axes.set_xlabel("times better than the peer; line: noise; dots: earlier runs; mark: committed")
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    paths = [folder / f"ratios.{kind}" for kind in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return paths


def page(rows: Sequence[Row], machine: Machine, drawn: Path | None, folder: Path = FOLDER) -> Path:
    """Write the page of a run: the machine, the plot and the table. drawn: the SVG."""
    names = ("contest", "what", "unit", "ours", "peer", "theirs", "ratio", "noise", "ours_mib", "theirs_mib", "problem")
    cells = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(getattr(row, name)))}</td>" for name in names) + "</tr>\n" for row in rows
    )
    svg = "" if drawn is None else drawn.read_text(encoding="utf-8").partition("<svg")[2]
    path = folder / "report.html"
    path.write_text(
        f"""<!doctype html><meta charset="utf-8"><title>Daybreak beside its peers</title>
<style>body {{ font: 14px system-ui, sans-serif; margin: 2em }} td, th {{ padding: 2px 10px; text-align: right }}
td:nth-child(-n+3), td:nth-child(5), td:last-child {{ text-align: left }}
svg {{ max-width: 100%; height: auto }}</style>
<h1>Daybreak beside its peers</h1><p>{escape(str(machine))}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC</p>
{"<svg" + svg if svg else ""}
<table><tr>{"".join(f"<th>{name}</th>" for name in names)}</tr>
{cells}</table>
""",
        encoding="utf-8",
    )
    return path


def _cell(value: object) -> str:
    return "" if value is None else f"{value:,.4g}" if isinstance(value, float) else str(value)
