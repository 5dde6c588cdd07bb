"""Results as table rows for a person, and as one JSON object for each method for a program."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from jobs.evaluation.harness import CHOICE, LENGTHS, Measure, Result, Results
from jobs.evaluation.published import PUBLISHED, Published

SHOWN = tuple(f"{name}@{k}" for k in LENGTHS for name in ("recall", "ndcg"))
HEADER = ("set", "method", "history", *SHOWN, "coverage@10", f"{CHOICE} less baseline", "fit s", "rank s", "parameters")
SLICES = ("set", "slice", "method", "history", "users", *SHOWN, f"{CHOICE} less baseline")
WAYS = ("masked", "unmasked")


def json_rows(results: Results, part: str) -> list[dict[str, Any]]:
    """One JSON object a method: the problem, what it took, and every measure, masked and unmasked, by slice."""
    about = {
        "set": results.problem,
        "part": part,
        "protocol": results.protocol,
        "items": results.items,
        "users": results.users,
        "baselines": results.baselines,
        "published": [asdict(one) for one in _published(results, part)],
    }
    return [{**about, **asdict(one)} for one in results.methods]


def table_rows(runs: Sequence[Results], part: str) -> list[Sequence[str]]:
    """Return set × method × metric after the head. Published figures, of masked lists of the test part, come last."""
    rows: list[Sequence[str]] = [HEADER]
    for results in runs:
        rows += [_row(results, one, way) for way in WAYS for one in results.methods]
        for said in _published(results, part):
            figures = [_figure(said.metrics.get(name)) for name in SHOWN]
            rows.append([results.problem, f"published: {said.source}", "masked", *figures, *[""] * 5])
    return rows


def slice_rows(results: Results) -> list[Sequence[str]]:
    """Return slice × method × metric of one set after the head, without the slice "all"."""
    rows: list[Sequence[str]] = [SLICES]
    for way in WAYS:
        for name in dict.fromkeys(name for one in results.methods for name in getattr(one, way) if name != "all"):
            for one in results.methods:
                measure: Measure = getattr(one, way)[name]
                figures = [_figure(measure.metrics[metric]) for metric in SHOWN]
                about = [results.problem, name, one.method, way, str(measure.users)]
                rows.append([*about, *figures, _difference(measure)])
    return rows


def _published(results: Results, part: str) -> list[Published]:
    return PUBLISHED.get(results.problem, []) if part == "test" else []


def _row(results: Results, one: Result, way: str) -> list[str]:
    measure: Measure = getattr(one, way)["all"]
    return [
        results.problem,
        one.method,
        way,
        *(_figure(measure.metrics[name]) for name in SHOWN),
        _figure(measure.metrics["coverage@10"]),
        _difference(measure) if results.baselines[way] != one.method else "the baseline",
        f"{one.fit_seconds:.1f}",
        f"{one.rank_seconds:.1f}",
        f"{one.parameters:,}",
    ]


def _difference(measure: Measure) -> str:
    if CHOICE not in measure.differences:
        return ""
    d = measure.differences[CHOICE]
    return f"{d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}]"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
