"""What `validate` adds to `report.html`: the gate and the drift. And how the page is replaced in a release that is
already whole: the manifest, which names the bytes of every file, and the page change as one.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from jobs.releases.page import REPORT_FILE, table
from jobs.stages.validate.release_checks import Finding, FindingKind
from lookup.release import manifest as manifests
from lookup.release.manifest import FileFact, Manifest
from lookup.release.pointer import sync_folder

NEW = f".{REPORT_FILE}.new"


def sections(validation: Mapping[str, Any], drift: Sequence[Finding]) -> list[str]:
    """The parts of the page, as HTML. validation: as in `validation.json`. drift: those of its findings."""
    slices = validation["comparison"]
    failed = [f for f in validation["findings"] if not f["ok"] and f["kind"] != FindingKind.WARNING]
    parts = ["<h2>The gate</h2>", f"<p>{escape(verdict(validation, failed))}</p>"]
    if slices:
        parts += [
            "<p>NDCG@20 of this release less that of the release in place, on the same users and held-out days; "
            "“differ” counts the users for whom it is not the same.</p>",
            table(
                ("slice", "users", "differ", "in place", "this one", "difference", "interval", ""),
                [_of_slice(one) for one in slices],
                strong=[one["slice"] for one in slices if not one["ok"]],
                said=True,
            ),
        ]
    if failed:
        parts.append(table(("held for", "found", "expected"), [(f["name"], f["found"], f["expected"]) for f in failed]))
    parts.append("<h2>What came in</h2>")
    if not drift:
        return [*parts, "<p>There are too few days yet to compare the last ones with.</p>"]
    return [
        *parts,
        "<p>The last days against the four weeks before, the items against those of the release in place.</p>",
        table(
            ("", "found", "expected", ""),
            [(f.name, f.found, f.expected, "" if f.ok else "drift") for f in drift],
            strong=[f.name for f in drift if not f.ok],
            said=True,
        ),
    ]


def verdict(validation: Mapping[str, Any], failed: Sequence[Mapping[str, Any]]) -> str:
    """What became of the release, in words. failed: the findings that hold it."""
    in_place, override = validation["in_place"], validation["override"]
    compared = f"Compared with {in_place}." if validation["comparison"] else "Not compared with another release."
    if not failed:
        return f"Passed. {compared}"
    if override is None:
        broken = any(f["kind"] == FindingKind.FAULT for f in failed)
        return f"Held{': it is broken, which nobody can override' if broken else ''}. {compared}"
    reason = override["reason"] or "no reason was given"
    return f"Held, and overridden by {override['by']} at {override['at']}: {reason}. {compared}"


def rewrite(folder: Path, manifest: Manifest, page: str) -> None:
    """Replace `report.html` and the manifest of a release that nobody serves yet.

    Where it is killed between the two, `finish` goes on. folder: of the release. manifest: as it shall be, but for what
    it says of the page.
    """
    new = folder / NEW
    with new.open("w", encoding="utf-8") as file:
        file.write(page)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)
    fact = FileFact(new.stat().st_size, manifests.digest(new))
    replace(manifest, files=manifest.files | {REPORT_FILE: fact}).write(folder)
    finish(folder)


def finish(folder: Path) -> None:
    """Put the new page in its place, if there is one and the manifest names it already; else remove it.

    Raises ReleaseError when the manifest cannot be read.
    """
    new = folder / NEW
    if not new.exists():
        return
    if manifests.read(folder).files[REPORT_FILE].sha256 == manifests.digest(new):
        os.replace(new, folder / REPORT_FILE)
    else:
        new.unlink()
    sync_folder(folder)


def _of_slice(one: Mapping[str, Any]) -> tuple[object, ...]:
    """A row of the gate's table. one: a `gate.SliceComparison` as in `validation.json`."""
    share = f" ({one['difference'] / one['in_place']:+.1%})" if one["in_place"] else ""
    between = "" if one["low"] is None else f"{one['low']:+.4f} to {one['high']:+.4f}"
    why = one["why"] if one["ok"] else f"held: {one['why']}"
    difference = f"{one['difference']:+.4f}{share}"
    return one["slice"], one["users"], one["deciding"], one["in_place"], one["candidate"], difference, between, why
