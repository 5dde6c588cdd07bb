"""Validate: the release that was built, reopened, checked, and compared with the one in place."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import ValidationError
from jobs.infra.logging import log_line
from jobs.releases.page import render
from jobs.stages.validate.against import against_days_before, against_in_place
from jobs.stages.validate.inspect import in_place, inspect
from jobs.stages.validate.release_checks import Finding, FindingKind
from jobs.stages.validate.verdict import finish, rewrite, sections
from lookup.release import pointer
from lookup.release.reader import open_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SAID = {FindingKind.FAULT: "FAILED", FindingKind.FAILURE: "HELD", FindingKind.WARNING: "drift"}


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Check the release of the run; write `validation.json`, and what was found into its `report.html`.

    Spark is not needed. Where `config.override` names a person, a release that is sound but was held may be published
    all the same, and its manifest says who wanted it so, when, why, and against what.
    Raises MissingStepError when `build` or `evaluate` has not run, ReleaseError when the release is damaged, and
    ValidationError, naming every check that failed, when it must not be published.
    """
    release_id = config.run.read_json("release.json")["id"]
    finish(config.releases / release_id)
    release = open_from(config.releases, release_id, verify=True)
    before = in_place(release.manifest, config)
    findings = inspect(release, config, before)
    compared, comparison = against_in_place(config, before)
    drift = against_days_before(release, config, before)
    findings += compared + drift
    for finding in findings:
        # Not the many that count and found what they should, nor what did not drift.
        if finding.ok and (finding.found == finding.expected or finding.kind == FindingKind.WARNING):
            continue
        log_line("validate", "ok" if finding.ok else SAID[finding.kind], **finding._asdict() | {"ok": finding.ok})
    held = [finding for finding in findings if not finding.ok and finding.kind != FindingKind.WARNING]
    broken = any(finding.kind == FindingKind.FAULT for finding in held)
    override = overriding(config, held) if held and not broken else None
    validation = {
        "id": release_id,
        "ok": not held or override is not None,
        "findings": [finding._asdict() for finding in findings],
        "in_place": before.id if before else None,
        "comparison": comparison,
        "override": override,
    }
    manifest = replace(release.manifest, override=override)
    if release_id not in pointer.announced(config.releases):
        rewrite(release.path, manifest, render(manifest, before, sections(validation, drift)))
    elif override is not None:
        manifest.write(release.path)  # alone: readers may be opening it, and would find a page of another size
    config.run.write_json("validation.json", validation)
    if held and override is None:
        raise ValidationError(_message(release_id, config, held, broken))
    return {
        "release": release_id,
        "checks": len(findings),
        "drift": sum(not finding.ok for finding in drift if finding.kind == FindingKind.WARNING),
        "override": override["by"] if override else None,
    }


def overriding(config: Config, held: list[Finding]) -> dict[str, Any] | None:
    """What the manifest says of who has a release published, against which findings; None where nobody does."""
    if config.override is None:
        return None
    log_line("validate", "OVERRIDDEN", by=config.override.by, reason=config.override.reason, findings=len(held))
    return {
        "by": config.override.by,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": config.override.reason,
        "overridden": [{"name": f.name, "found": f.found, "expected": f.expected} for f in held],
    }


def _message(release_id: str, config: Config, held: list[Finding], broken: bool) -> str:
    reasons = "; ".join(f"{f.name}: {f.found} found, {f.expected} expected" for f in held)
    remedy = "It is broken, which nobody can override"
    if not broken:
        job = f"`daybreak job validate --date {config.date} --override YOUR-NAME --reason WHY`"
        remedy = f"To publish it all the same: {job}, then `daybreak job publish --date {config.date}`"
    return (
        f"release {release_id} is not published: {reasons}. The limits stand in [validate] of the configuration; the "
        f"release in place goes on serving. {remedy}"
    )
