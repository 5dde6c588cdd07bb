"""Validate: the release that was built, reopened, checked, and compared with the one in place."""

from typing import TYPE_CHECKING, Any

from jobs.config import Config
from jobs.errors import ValidationError
from jobs.log import event
from jobs.validate.inspect import inspect
from lookup.release import open_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Check the release of the run and write `validation.json`. Spark is not needed.

    Raises MissingStepError when `build` has not run, ReleaseError when the release is damaged, and ValidationError,
    naming every check that failed, when it must not be published.
    """
    release_id = config.run.read_json("release.json")["id"]
    release = open_from(config.releases, release_id, verify=True)
    findings = inspect(release, config)
    failed = [finding for finding in findings if not finding.ok]
    for finding in findings:
        if finding.ok and finding.found == finding.expected:  # the many that count, and found what they should
            continue
        event("validate", "ok" if finding.ok else "FAILED", **finding._asdict() | {"ok": finding.ok})
    config.run.write_json(
        "validation.json",
        {"id": release_id, "ok": not failed, "findings": [finding._asdict() for finding in findings]},
    )
    if failed:
        reasons = "; ".join(f"{f.name}: {f.found} found, {f.expected} expected" for f in failed)
        raise ValidationError(
            f"release {release_id} is not published: {reasons}. The limits stand in [validate] of the configuration; "
            "the release in place goes on serving"
        )
    return {"release": release_id, "checks": len(findings)}
