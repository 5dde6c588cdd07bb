"""A comparison as table rows, and as data for JSON."""

import math
from dataclasses import asdict
from typing import Any

from jobs.experiments.compare import ArmComparison
from jobs.experiments.outcomes import METRICS
from jobs.experiments.search_outcomes import SEARCH_METRICS
from jobs.experiments.statistics import ArmDifference


def facts(found: ArmComparison) -> dict[str, Any]:
    """Return the whole comparison for JSON; NaN becomes None."""
    return {
        "test": found.test,
        "control": found.control,
        "arms": {
            arm: {"users": len(done.exposures), "exposures": int(done.exposures.sum()), "share": found.shares[arm]}
            | ({"all_searches": int(found.searches[arm].searches.sum())} if found.searches else {})
            | {name: _number(value) for name, value in found.values[arm].items()}
            for arm, done in found.arms.items()
        },
        "differences": [
            {"arm": arm, "metric": name} | {key: _number(value) for key, value in asdict(one).items()}
            for arm, of in found.differences.items()
            for name, one in of.items()
        ],
        "sample_ratio": {"p": _number(found.sample_ratio_p), "mismatch": found.mismatch},
        "left_out": found.left_out,
    }


def arm_rows(found: ArmComparison) -> list[list[str]]:
    """Return the metrics of each arm but those of searches, one row an arm, after the head."""
    names = [name for name in found.metrics if name in METRICS]
    return [
        ["arm", "users", "exposures", *names],
        *(
            [arm, f"{len(done.exposures):,}", f"{int(done.exposures.sum()):,}", *_values(found, arm, names)]
            for arm, done in found.arms.items()
        ),
    ]


def search_rows(found: ArmComparison) -> list[list[str]]:
    """Return the metrics of searches of each arm, one row an arm, after the head."""
    names = [name for name in found.metrics if name in SEARCH_METRICS]
    return [
        ["arm", "all searches", *names],
        *([arm, f"{int(found.searches[arm].searches.sum()):,}", *_values(found, arm, names)] for arm in found.arms),
    ]


def difference_rows(found: ArmComparison, arm: str) -> list[list[str]]:
    """Return an arm's differences from the control, one row a metric, after the head."""
    head = [f"{arm} − {found.control}", "difference", "relative", "95 % interval", "bootstrap", "p", "users needed"]
    return [head, *([name, *_cells(one)] for name, one in found.differences[arm].items())]


def notes(found: ArmComparison) -> list[str]:
    """Explain the metrics, and say what was left out."""
    return [
        "\n".join(f"{name}: {(METRICS.get(name) or SEARCH_METRICS[name]).what}" for name in found.metrics),
        *(f"left out: {n:,} {what}" for what, n in found.left_out.items() if n),
    ]


def warning(found: ArmComparison) -> str | None:
    """Return a loud warning if the users do not fit the shares, else None."""
    if not found.mismatch:
        return None
    users = {arm: len(done.exposures) for arm, done in found.arms.items()}
    return (
        f"WARNING: SAMPLE RATIO MISMATCH. The arms have {users} users, at shares of {found.shares}: "
        f"as uneven by chance only once in {1 / max(found.sample_ratio_p, 1e-12):,.0f} tests.\n"
        "Something other than the arms decides who is counted: lost exposures, errors in one arm, bots or changed "
        "shares.\nDO NOT TRUST THE DIFFERENCES. Find the cause first."
    )


def _values(found: ArmComparison, arm: str, names: list[str]) -> list[str]:
    return [_short(found.values[arm][name]) for name in names]


def _cells(facts: ArmDifference) -> list[str]:
    return [
        _short(facts.value, "+"),
        "–" if math.isnan(facts.relative) else f"{facts.relative:+.1%}",
        f"{_short(facts.low, '+')} … {_short(facts.high, '+')}",
        f"{_short(facts.bootstrap_low, '+')} … {_short(facts.bootstrap_high, '+')}",
        _short(facts.p),
        "–" if math.isnan(facts.users_needed) else f"{facts.users_needed:,.0f}",
    ]


def _short(value: float, sign: str = "") -> str:
    return "–" if math.isnan(value) else f"{value:{sign}.4g}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
