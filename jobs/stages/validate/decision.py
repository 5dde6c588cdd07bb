"""What becomes of a release after its checks: published, held, or published because a person overrides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs.config.config import Config, Override
from jobs.releases.validation import OVERRIDE, Reason, config_option, override_record
from jobs.stages.validate.finding import Finding, FindingKind
from lookup.release import pointer
from lookup.release.validation import BROKEN, HELD, PASSED


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
    def verdict(self) -> str:
        """What the checks alone say, as the manifest keeps it."""
        if not self.held_for:
            return PASSED
        return BROKEN if self.broken else HELD

    @property
    def reasons(self) -> list[Reason]:
        """What holds the release, as the manifest keeps it."""
        return [{"name": f.name, "found": f.found, "expected": f.expected} for f in self.held_for]

    @property
    def publish(self) -> bool:
        """Whether the release may be announced."""
        return not self.held_for or self.override is not None


def decide(findings: Sequence[Finding], override: Override | None, recorded: dict[str, Any] | None = None) -> Decision:
    """The decision that follows from all findings.

    override: who wants the release published all the same, if anybody. recorded: the override that the release has
    from before, if any: it belongs to the release, so a job that runs again keeps it.
    An override has no effect on a release that passed, nor on one that is broken.
    """
    decision = Decision([finding for finding in findings if finding.holds])
    if decision.broken or (override is None and recorded is None):
        return decision
    if recorded is not None and (override is None or _same(override, recorded)):
        return replace(decision, override=recorded)
    if override is None or not decision.held_for:
        return decision
    return replace(decision, override=override_record(override, decision.reasons))


def why_held(release_id: str, config: Config, decision: Decision) -> str:
    """The message for a release that is held: for what, and what a person can do."""
    reasons = "; ".join(f"{f.name}: {f.found} found, {f.expected} expected" for f in decision.held_for)
    remedy = "The release is broken: nobody can override that"
    if not decision.broken:
        where = f"{config_option(config.file)} --date {config.date}"
        remedy = (
            f"To publish it all the same: `daybreak job validate{where} {OVERRIDE}`, then `daybreak job publish{where}`"
        )
    serving = pointer.read_or_none(config.releases)
    goes_on = "No release serves yet." if serving is None else f"{serving} goes on serving."
    return (
        f"release {release_id} is not published: {reasons}. The limits are in [validate] of the configuration. "
        f"{goes_on} {remedy}"
    )


def _same(override: Override, recorded: dict[str, Any]) -> bool:
    """Whether a person asks again for what the release says already."""
    return (override.by, override.reason) == (recorded.get("by"), recorded.get("reason"))
