"""What `validate` says of a release, as the release's manifest keeps it: whether people may be served from it.

The key `validation` holds `verdict`, `at`, `held_for` and `files`. The key `override` names the person who wants a held
release served all the same. Both belong to the release, so they travel with it and outlive the run that made it.
"""

import hashlib
import json
from dataclasses import asdict

from lookup.release.manifest import Manifest
from lookup.release.manifest_rules import VERDICTS

PASSED, HELD, BROKEN = VERDICTS
"""The verdicts. Nobody can override `broken`."""
PAGE = "report.html"
"""The one file of a release that `validate` itself replaces."""


def fingerprint(manifest: Manifest) -> str:
    """The sha256 of the sizes and digests of all files but the page: it ties a verdict to the bytes it is about."""
    facts = {name: asdict(fact) for name, fact in manifest.files.items() if name != PAGE}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def is_validated(manifest: Manifest) -> bool:
    """Whether `validate` has seen this release, with these very files."""
    return manifest.validation is not None and manifest.validation["files"] == fingerprint(manifest)


def why_held(manifest: Manifest) -> str | None:
    """Why `validate` holds a release, in words.

    None where it passed, where a person overrode the verdict, and where `validate` has not seen these files.
    """
    if not is_validated(manifest) or manifest.validation is None:
        return None
    verdict = manifest.validation["verdict"]
    if verdict == PASSED or (verdict == HELD and manifest.override is not None):
        return None
    found = (tuple(one.get(key) for key in ("name", "found", "expected")) for one in manifest.validation["held_for"])
    return "; ".join(f"{name}: {now} found, {expected} expected" for name, now, expected in found)
