"""Validate: reopen the release that was built, check it, and compare it with the incumbent."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.costs.nights import nights
from jobs.errors import ValidationError
from jobs.infra.logging import log_line
from jobs.releases.access import unsealed
from jobs.releases.dropped import dropped_rows
from jobs.releases.page import render
from jobs.releases.validation import verdict_record
from jobs.stages.validate.check_drift import check_drift
from jobs.stages.validate.check_release import check_release
from jobs.stages.validate.check_shown import check_shown
from jobs.stages.validate.compare_incumbent import compare_with_incumbent, incumbent_of
from jobs.stages.validate.decision import decide, why_held
from jobs.stages.validate.finding import Finding, FindingKind
from jobs.stages.validate.replace_page import finish, replace_page
from jobs.stages.validate.report import validation_part
from lookup.release import pointer
from lookup.release.reader import open_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVENT = {FindingKind.FAULT: "FAILED", FindingKind.FAILURE: "HELD", FindingKind.WARNING: "drift"}
"""What the log calls a finding that is not ok."""


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Check the release of the run; write `validation.json` and the part of `report.html` that tells the findings.

    The manifest of the release keeps the verdict, by which alone it may be announced. It needs no Spark. Where
    `config.override` names a person, a release that is held but not broken may be announced all the same. The manifest
    then says who wanted that, when, why, and against which findings; an override stays when this job runs again.
    Raises MissingStepError when `build` or `evaluate` has not run, ReleaseError when the release is damaged, and
    ValidationError, naming every check that failed, when the release must not be published.
    """
    release_id = config.run.read_json("release.json")["id"]
    finish(config.releases / release_id)
    release = open_from(config.releases, release_id, verify=True)
    incumbent = incumbent_of(release.manifest, config)
    findings = check_release(release, config, incumbent)
    findings += check_shown(release, config, incumbent)
    compared, comparison = compare_with_incumbent(config, incumbent)
    drift = check_drift(release, config, incumbent)
    findings += compared + drift
    log_findings(findings)
    decision = decide(findings, config.override, release.manifest.override)
    if decision.override is not None:
        told = {name: decision.override.get(name) for name in ("by", "reason")}
        log_line("validate", "OVERRIDDEN", **told, findings=len(decision.held_for))
    validation = {
        "id": release_id,
        "ok": decision.publish,
        "findings": [finding._asdict() for finding in findings],
        "incumbent": incumbent.id if incumbent else None,
        "comparison": comparison,
        "override": decision.override,
    }
    verdict = verdict_record(release.manifest, decision.verdict, decision.reasons)
    manifest = replace(release.manifest, override=decision.override, validation=verdict)
    if release_id not in pointer.announced(config.releases):
        others = [night for night in nights(config.releases) if night.release != release_id]
        part = validation_part(validation, drift, decision)
        page = render(manifest, incumbent, dropped_rows(config), part, others)
        replace_page(release.path, manifest, page)
    elif decision.override != release.manifest.override:
        with unsealed(release.path):
            manifest.write(release.path)  # without the page: readers may be opening it, and check the page's size
    config.run.write_json("validation.json", validation)
    if not decision.publish:
        raise ValidationError(why_held(release_id, config, decision))
    return {
        "release": release_id,
        "checks": len(findings),
        "drift": sum(not finding.ok for finding in drift if finding.kind == FindingKind.WARNING),
        "override": decision.override["by"] if decision.override else None,
    }


def log_findings(findings: list[Finding]) -> None:
    """Log what failed, what drifted, and what was measured; not the many counts that are as expected."""
    for finding in findings:
        if not finding.ok:
            log_line("validate", EVENT[finding.kind], **finding._asdict())
        elif finding.found != finding.expected and finding.kind != FindingKind.WARNING:
            log_line("validate", "ok", **finding._asdict())
