"""Replace `report.html` in a release that is already whole.

The manifest names the size and digest of every file, so page and manifest must change as one. The new page is written
beside the old one, then the manifest that names it, then the page is renamed. `finish` completes what a kill left.
"""

import os
from dataclasses import replace
from pathlib import Path

from jobs.releases.access import unsealed
from lookup.release import manifest as manifests
from lookup.release.manifest import FileFact, Manifest
from lookup.release.pointer import sync_folder
from lookup.release.validation import PAGE

NEW = f".{PAGE}.new"


def replace_page(folder: Path, manifest: Manifest, page: str) -> None:
    """Replace the page and the manifest of a release that nobody serves yet.

    folder: of the release. manifest: as it is to be, except for the size and digest of the page. page: HTML.
    """
    new = folder / NEW
    with unsealed(folder):
        with new.open("w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
        fact = FileFact(new.stat().st_size, manifests.digest(new))
        replace(manifest, files=manifest.files | {PAGE: fact}).write(folder)
        finish(folder)


def finish(folder: Path) -> None:
    """Rename a new page that a kill left, if the manifest names it already; otherwise remove it.

    Raises ReleaseError when the manifest cannot be read.
    """
    new = folder / NEW
    if not new.exists():
        return
    with unsealed(folder):
        if manifests.read(folder).files[PAGE].sha256 == manifests.digest(new):
            os.replace(new, folder / PAGE)
        else:
            new.unlink()
        sync_folder(folder)
