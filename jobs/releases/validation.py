"""Who may be announced: only a release that `validate` passed, or one whose verdict a person overrode by name."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.config.config import Override
from jobs.errors import ValidationError
from jobs.releases.access import unsealed
from lookup.release import manifest as manifests
from lookup.release import pointer
from lookup.release.manifest import Manifest
from lookup.release.validation import BROKEN, fingerprint, is_validated, why_held

Reason = dict[str, str]
"""`name`, `found` and `expected` of a finding that holds a release."""
NOT_VALIDATED = "`validate` has not checked it"
OVERRIDE = "--override YOUR-NAME --reason WHY"
"""The options by which a person overrides a verdict, for messages."""


def verdict_record(manifest: Manifest, verdict: str, held_for: Sequence[Reason]) -> dict[str, Any]:
    """What the manifest keeps of a validation."""
    return {"verdict": verdict, "at": now(), "held_for": list(held_for), "files": fingerprint(manifest)}


def override_record(override: Override, overridden: Sequence[Reason]) -> dict[str, Any]:
    """What the manifest keeps of an override. overridden: what the release was held for."""
    return {"by": override.by, "at": now(), "reason": override.reason, "overridden": list(overridden)}


def why_not_announced(releases: Path, manifest: Manifest) -> str | None:
    """Why a release must not be announced; None where it may be.

    A release without a verdict comes from an older Daybreak, or was never validated. It may be announced if it served
    before: somebody decided that then.
    """
    if is_validated(manifest):
        return why_held(manifest)
    if manifest.override is not None or manifest.id in pointer.announced(releases):
        return None
    return NOT_VALIDATED


def check_announced(releases: Path, manifest: Manifest, config: Path | None) -> None:
    """Raise ValidationError, with the command that helps, where a release must not be announced.

    config: the configuration that the command names; None: the default one.
    """
    why = why_not_announced(releases, manifest)
    if why is None:
        return
    broken = manifest.validation is not None and manifest.validation["verdict"] == BROKEN
    remedy = "It is broken: nobody can override that"
    if not broken:
        remedy = f"To serve it all the same: `daybreak publish {manifest.id}{config_option(config)} {OVERRIDE}`"
    raise ValidationError(f"release {manifest.id} is held: {why}. {remedy}")


def config_option(config: Path | None) -> str:
    """The option that names a configuration, as a shell reads it; nothing for the default one."""
    return f" --config {shlex.quote(str(config))}" if config is not None else ""


def override_verdict(releases: Path, release_id: str, override: Override) -> None:
    """Record in a held release that a person wants it served all the same. It changes nothing where the release passed.

    Raises ReleaseError where there is no such release, ValidationError where it is broken.
    """
    manifest = manifests.read(releases / release_id)
    if why_not_announced(releases, manifest) is None:
        return
    if manifest.validation is not None and manifest.validation["verdict"] == BROKEN:
        check_announced(releases, manifest, None)
    overridden = manifest.validation["held_for"] if manifest.validation is not None else []
    with unsealed(releases / release_id):
        replace(manifest, override=override_record(override, overridden)).write(releases / release_id)


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
