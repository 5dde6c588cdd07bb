"""The figures of a search evaluation as rows: for tables that people read, and as JSON."""

from collections.abc import Sequence

import numpy as np

from jobs.evaluation.metrics.bootstrap import intervals
from jobs.evaluation.metrics.graded import mean_known
from jobs.evaluation.search.evaluation import DAY, NIGHT, Chosen, Metrics, SearchResults
from jobs.evaluation.search.files.judgements import Judgements
from jobs.evaluation.search.ranked import COMPARED, METRICS
from lookup.retrieval.lexical.build import Parameters
from lookup.retrieval.lexical.counts import FIELDS

Row = list[str]


def best_baseline(results: SearchResults, metric: int) -> str:
    """The baseline that is best by a metric."""
    baselines = [name for name in results.methods if name not in (DAY, NIGHT)]
    return max(baselines, key=lambda name: mean_known(results.methods[name][:, metric]))


def difference(results: SearchResults, metric: int, method: str, baseline: str) -> tuple[float, float, float]:
    """A method less a baseline: the mean over queries, and the ends of its paired bootstrap interval of 95 %."""
    apart = results.methods[method][:, metric] - results.methods[baseline][:, metric]
    apart = apart[~np.isnan(apart)]
    if not len(apart):
        return float("nan"), float("nan"), float("nan")
    low, high = intervals(apart[:, None])
    return float(apart.mean()), float(low[0]), float(high[0])


def method_rows(results: SearchResults) -> list[Row]:
    """Every method with every metric, the head first."""
    rows = [["method", *METRICS]]
    for name, values in results.methods.items():
        rows.append([name, *(_number(mean_known(values[:, metric])) for metric in range(len(METRICS)))])
    return rows


def difference_rows(results: SearchResults) -> list[Row]:
    """Daybreak less the best baseline of each metric."""
    rows = [["metric", "best baseline", "method", "difference", "from", "to"]]
    for metric in range(COMPARED):
        best = best_baseline(results, metric)
        for method in (DAY, NIGHT):
            rows.append([METRICS[metric], best, method, *map(_signed, difference(results, metric, method, best))])
    return rows


def slice_rows(results: SearchResults) -> list[Row]:
    """Daybreak and the best baseline by slice of queries; slices without a query are left out."""
    best = best_baseline(results, 1)
    rows = [["slice", "queries", "method", *METRICS[:COMPARED]]]
    for name, chosen in results.slices.items():
        for method in (DAY, best) if chosen.any() else ():
            values = results.methods[method][chosen]
            rows.append(
                [name, str(int(chosen.sum())), method, *(_number(mean_known(values[:, m])) for m in range(COMPARED))]
            )
    return rows


def sentences(results: SearchResults, judgements: Judgements) -> list[str]:
    """How it was measured, what was chosen, and what a wrong letter costs."""
    ratios = [f"{mean_known(results.methods[name][:, 1]):.3f}" for name in (DAY, NIGHT)]
    judged, whole = results.lost
    said = [
        f"{len(judgements)} queries, {sum(map(len, judgements.rows))} judgements, {judgements.said()}. Queries without "
        "a gain, or without anything relevant, do not count.",
        f"All that is learned was chosen by cross-validation over queries, {len(results.folds)} folds: BM25's "
        "parameters, for Daybreak and for tuned BM25, and the ranker's weights.",
        f"All queries together choose {parameters_said(results.final.parameters)}.",
        f"Weights of the ranker: {weights_said(results.final)}.",
        f"The day's encoder of queries: NDCG@10 {ratios[0]}; the transformer in its place: {ratios[1]}.",
    ]
    if len(results.misspelt):
        said.append(
            f"One wrong letter in {len(results.misspelt)} queries costs {judged:.1%} of the judged-only NDCG@10 and "
            f"{whole:.1%} of that of the whole catalogue."
        )
    return said


def parameters_said(parameters: Parameters) -> str:
    """Parameters of BM25 in words."""
    weights = ", ".join(f"{name} {weight:g}" for name, weight in zip(FIELDS, parameters.weights, strict=True))
    return f"k1 {parameters.k1:g}, b {parameters.b[0]:g}, weights of fields: {weights}"


def weights_said(chosen: Chosen) -> str:
    """The weights of a ranker that are not 0."""
    return ", ".join(f"{name} {weight:.2f}" for name, weight in chosen.weights.items() if abs(weight) >= 0.005)


def json_rows(results: SearchResults, judgements: Judgements) -> list[dict[str, object]]:
    """One object a method, then one on what was chosen."""
    rows: list[dict[str, object]] = []
    for name, values in results.methods.items():
        differences = {}
        for metric in range(COMPARED):
            best = best_baseline(results, metric)
            mean, low, high = difference(results, metric, name, best)
            differences[METRICS[metric]] = {
                "baseline": best,
                "mean": _json(mean),
                "low": _json(low),
                "high": _json(high),
            }
        rows.append(
            {
                "method": name,
                "queries": len(values),
                "metrics": _metrics(values),
                "differences": differences,
                "slices": {
                    part: {"queries": int(chosen.sum()), "metrics": _metrics(values[chosen])}
                    for part, chosen in results.slices.items()
                },
            }
        )
    judged, whole = results.lost
    rows.append(
        {
            "chosen": {
                "scale": judgements.said(),
                "folds": [_chosen(one) for one in results.folds],
                "final": _chosen(results.final),
                "misspelt": {
                    "queries": len(results.misspelt),
                    "lost": {METRICS[0]: _json(judged), METRICS[1]: _json(whole)},
                },
            }
        }
    )
    return rows


def _metrics(values: Metrics) -> dict[str, float | None]:
    return {name: _json(mean_known(values[:, metric])) for metric, name in enumerate(METRICS)}


def _chosen(chosen: Chosen) -> dict[str, object]:
    parameters = chosen.parameters
    fields: dict[str, float] = dict(zip(FIELDS, parameters.weights, strict=True))
    return {"k1": parameters.k1, "b": parameters.b[0], "fields": fields, "weights": chosen.weights}


def _json(value: float) -> float | None:
    return None if np.isnan(value) else value


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4f}"


def _signed(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:+.4f}"


def numbers(rows: Sequence[Row]) -> list[str]:
    """The heads of the columns of figures."""
    names = {"method", "metric", "best baseline", "slice"}
    return [head for head in rows[0] if head not in names]
