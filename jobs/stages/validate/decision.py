"""What becomes of a release after its checks: published, held, or published because a person overrides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from jobs.config.config import Override
from jobs.stages.validate.finding import Finding, FindingKind


@dataclass(frozen=True)
class Decision:
    """What becomes of a release."""

    held_for: list[Finding]
    """The findings that hold it; empty where it passed."""
    override: dict[str, Any] | None = None
    """Who publishes it all the same, when, why, and against which findings, as the manifest keeps it."""

    @property
    def broken(self) -> bool:
        """Whether the release itself is broken, which nobody can override."""
        return any(finding.kind == FindingKind.FAULT for finding in self.held_for)

    @property
    def publish(self) -> bool:
        """Whether the release may be announced."""
        return not self.held_for or self.override is not None


def decide(findings: Sequence[Finding], override: Override | None) -> Decision:
    """The decision that follows from all findings. override: who wants the release published all the same, if anybody.

    An override has no effect on a release that passed, nor on one that is broken.
    """
    decision = Decision([finding for finding in findings if finding.holds])
    if override is None or not decision.held_for or decision.broken:
        return decision
    overridden = [{"name": f.name, "found": f.found, "expected": f.expected} for f in decision.held_for]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Decision(
        decision.held_for, {"by": override.by, "at": now, "reason": override.reason, "overridden": overridden}
    )


def why_held(release_id: str, night: date, decision: Decision) -> str:
    """The message for a release that is held: for what, and what a person can do."""
    reasons = "; ".join(f"{f.name}: {f.found} found, {f.expected} expected" for f in decision.held_for)
    remedy = "The release is broken: nobody can override that"
    if not decision.broken:
        job = f"`daybreak job validate --date {night} --override YOUR-NAME --reason WHY`"
        remedy = f"To publish it all the same: {job}, then `daybreak job publish --date {night}`"
    return (
        f"release {release_id} is not published: {reasons}. The limits are in [validate] of the configuration. "
        f"The incumbent goes on serving. {remedy}"
    )
