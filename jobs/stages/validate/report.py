"""The part of `report.html` that `validate` adds: the gate and the drift."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.releases.page import part
from jobs.stages.validate.decision import Decision
from jobs.stages.validate.finding import Finding


def validation_part(validation: Mapping[str, Any], drift: Sequence[Finding], decision: Decision) -> str:
    """The part, as HTML. validation: as in `validation.json`. drift: the findings on what came in."""
    slices = validation["comparison"]
    return part(
        "validation.html.jinja",
        verdict=verdict(validation, decision),
        slices=[_slice_row(one) for one in slices],
        lost=[one["slice"] for one in slices if not one["ok"]],
        held_for=[(f.name, f.found, f.expected) for f in decision.held_for],
        drift=[(f.name, f.found, f.expected, "" if f.ok else "held" if f.holds else "drift") for f in drift],
        drifted=[f.name for f in drift if not f.ok],
    )


def verdict(validation: Mapping[str, Any], decision: Decision) -> str:
    """What became of the release, in words."""
    compared = (
        f"Compared with {validation['incumbent']}."
        if validation["comparison"]
        else "Not compared with another release."
    )
    if not decision.held_for:
        return f"Passed. {compared}"
    if decision.override is not None:
        by, at, reason = (decision.override.get(name) for name in ("by", "at", "reason"))
        return f"Held, and overridden by {by} at {at}: {reason or 'no reason was given'}. {compared}"
    return f"Held{': the release is broken, and nobody can override that' if decision.broken else ''}. {compared}"


def _slice_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    """A row of the gate's table. one: a `gate.SliceComparison` as in `validation.json`."""
    share = f" ({one['difference'] / one['incumbent']:+.1%})" if one["incumbent"] else ""
    between = "" if one["low"] is None else f"{one['low']:+.4f} to {one['high']:+.4f}"
    why = one["why"] if one["ok"] else f"held: {one['why']}"
    difference = f"{one['difference']:+.4f}{share}"
    return one["slice"], one["users"], one["deciding"], one["incumbent"], one["challenger"], difference, between, why
