"""`report.html`: one static page that tells what changed, how good the lists are, what the gate found, what it cost.

`build` writes it; `validate` writes it again with a part on the gate and the drift. The HTML is in `templates/`; every
value is escaped.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs.costs.nights import NightCost, StageCost
from jobs.costs.plot import cost_plot
from jobs.infra.tables import CHALLENGER, INCUMBENT
from jobs.releases.dropped import DroppedRows, counted
from lookup.release.manifest import Manifest
from lookup.retrieval.index_choice import IndexChoice

if TYPE_CHECKING:
    from jinja2 import Environment

SHOWN_AS = {INCUMBENT: "incumbent"}
"""What the page calls a method that the tables call otherwise."""


class PageTable(NamedTuple):
    """A table of the page: the names of its columns, and its rows."""

    head: tuple[str, ...]
    rows: list[tuple[object, ...]]


def render(
    manifest: Manifest,
    incumbent: Manifest | None,
    dropped: Sequence[DroppedRows] = (),
    validation: str = "",
    nights: Sequence[NightCost] = (),
) -> str:
    """The page of a release, as HTML.

    incumbent: the release that serves, if any. dropped: the bad rows of the night. validation: the part that `validate`
    adds, as `part` renders it. nights: what other releases cost, the oldest first.
    """
    before = incumbent.counts if incumbent else {}
    night = NightCost.of(manifest)
    return part(
        "report.html.jinja",
        release=manifest,
        incumbent=incumbent,
        counts=[(name, n, before.get(name), change(n, before.get(name))) for name, n in manifest.counts.items()],
        read=counted(manifest.receipt),
        dropped=[(f"{one.source}: {one.reason}", one.rows, "\n".join(one.examples)) for one in dropped],
        measured=measured(manifest),
        lists=metrics_table(manifest, incumbent),
        ranker=ranker_table(manifest),
        texts=text_model_table(manifest.receipt),
        preset=chosen_preset(manifest.receipt),
        times=query_times(manifest.index_choice),
        cost=cost_table(night.stages, [job["peak_mib"] for job in manifest.all_receipts]),
        cost_note=cost_note(night),
        plot=cost_plot(night.stages, [*nights, night]),
        validation=validation,
    )


def part(template: str, **values: Any) -> str:
    """A template of `templates/` with its values filled in. The result is marked as HTML: another part keeps it."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(values))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("jobs.releases"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = cell
    return environment


def measured(manifest: Manifest) -> str:
    """On which days the lists were measured, and for how many users, in words."""
    until = manifest.model.get("trained_until", "")
    users = next((m["users"] for m in manifest.metrics if m["method"] == CHALLENGER and "@" in m["metric"]), 0)
    if not users or until >= manifest.date:
        return "Nothing was measured: no user has events both before and in days that training did not see."
    last = date.fromisoformat(manifest.date) - timedelta(days=1)
    return (
        f"Measured on the days from {until} to {last}, which training did not see, for {users:,} users who have events "
        "both before and in them. The metrics are means over these users."
    )


def query_times(search: IndexChoice) -> str:
    """How long each method took that `build` tried, in words."""
    times = {"scan": search.scan_us, "sketch": search.sketch_us, "annoy": search.annoy_us}
    told = ", ".join(f"{us:,.0f} µs by {name}" for name, us in times.items() if us is not None)
    return f"{told} (annoy for {search.annoy_recall:.1%})"


def metrics_table(manifest: Manifest, incumbent: Manifest | None) -> PageTable:
    """The metrics of lists: a row for each method, a column for each metric.

    A row of its own has what the incumbent measured of itself when it was built.
    """
    of_lists = [m for m in manifest.metrics if "@" in m["metric"]]
    values = {(m["method"], m["metric"]): m["value"] for m in of_lists}
    if incumbent:
        then = (m for m in incumbent.metrics if m["method"] == CHALLENGER)
        values |= {("incumbent, on its own night", m["metric"]): m["value"] for m in then}
    names = list(dict.fromkeys(m["metric"] for m in of_lists))
    methods = list(dict.fromkeys(method for method, _ in values))
    rows = [(SHOWN_AS.get(method, method), *(values.get((method, name)) for name in names)) for method in methods]
    return PageTable(("method", *names), rows)


def ranker_table(manifest: Manifest) -> PageTable:
    """The metrics of the ranker: a row for each metric, a column for each method. No row where it was not measured."""
    values = {(m["method"], m["metric"]): m["value"] for m in manifest.metrics if "@" not in m["metric"]}
    methods, names = (list(dict.fromkeys(key[n] for key in values)) for n in (0, 1))
    rows = [(name, *(f"{values[method, name]:.5f}" for method in methods)) for name in names]
    return PageTable(("of shown items", *methods), rows)


def text_model_table(receipt: Sequence[Mapping[str, Any]]) -> PageTable:
    """The mean reciprocal ranks of held-out queries, before and after the text model was fine-tuned.

    No row where the night uses none, or `train_text` did not run. receipt: what the jobs of the night did.
    """
    changes: list[Mapping[str, Any]] = next(
        (job.get("changes", []) for job in receipt if job["job"] == "train_text"), []
    )
    rows: list[tuple[object, ...]] = [
        (one["source"], one["queries"], one["before"], one["after"], f"{one['low']:+.4f} to {one['high']:+.4f}")
        for one in changes
    ]
    return PageTable(("queries of", "queries", "MRR before", "fine-tuned", "difference"), rows)


def cost_table(stages: Sequence[StageCost], peaks: Sequence[int]) -> PageTable:
    """What each job took, with money where there are prices. peaks: the MiB of the largest process of each job."""
    priced = any(stage.money is not None for stage in stages)
    rows: list[tuple[object, ...]] = []
    for stage, peak in zip(stages, peaks, strict=True):
        times = (stage.seconds, stage.cpu_seconds, stage.spark_seconds)
        rows.append((stage.job, *times, peak, stage.core_hours, *((stage.money,) if priced else ())))
    head = ("job", "seconds", "cpu seconds", "Spark's own", "peak MiB", "core-hours")
    return PageTable((*head, "money") if priced else head, rows)


def cost_note(night: NightCost) -> str:
    """What the night cost for a million lists, in words; empty where its receipts do not tell."""
    hours, money = night.total("core_hours"), night.total("money")
    if hours is None:
        return ""
    told = f"{night.per_million_lists(hours):,.3g} core-hours"
    if money is not None:
        told += f" and {night.per_million_lists(money):,.3g} {night.currency or ''}".rstrip()
    return f"For a million lists: {told}, up to the last of these jobs. Cores count while they are held, busy or not."


def chosen_preset(receipt: Sequence[Mapping[str, Any]]) -> str:
    """Which preset was chosen for the night's model, and why, in words; empty where the configuration names it.

    receipt: what the jobs of the night did.
    """
    study: Mapping[str, Any] | None = next((job.get("study") for job in receipt if job["job"] == "train"), None)
    if study is None:
        return ""
    figures = ", ".join(f"{name} {value:.4f}" for name, value in study["reached"].items())
    why = study["why"] or f"NDCG@10 in a short study of {study['users']:,} users was {figures}"
    return f"The preset of the model is {study['preset']}: {why}."


def change(now: int, before: int | None) -> str | None:
    """The change as a signed percentage; None where there is nothing to compare with."""
    return f"{now / before - 1:+.1%}" if before else None


def cell(value: object) -> str:
    """A value as a cell shows it: thousands apart, four decimals, None empty."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
