"""What a run has, and what outlives runs, as storage keeps it: a driver that lost its disk goes on from there.

    <url>/runs/<date>/<number>-<random>.json    what the run has after a job: its small files, and notes of its folders
    <url>/models/<id>/_storage.json, …          the note of a folder that outlives runs, at its place on the driver
    <url>/spaces/<hash>.npz, …                  a file that does

The newest whole record of a run counts, and the older ones go. The night brings what is new to storage after each job.
Before the first one it brings the driver's disk to what storage has.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.infra.cluster.errors import EngineError
from jobs.infra.storage.disk import remove
from jobs.infra.storage.hadoop import FileThere
from jobs.infra.storage.notes import NOTE, Note, dumped, facts_of, read_note, write_text
from jobs.infra.storage.storage import Storage

FOLDERS = {
    "models/*": ("model.json", "text_model.json"),
    "rankers/*": ("ranker.json",),
    "vectors/*/*": ("_segment.json",),
    "lists/*/*": ("files.json",),
}
"""Folders of the work folder that outlive a run → the file that makes one whole, or the files one of which does."""
REPLACED = "_replaced"
"""In a folder that no night is to use any more."""
FILES = ("vectors/*/encoder.json", "spaces/*.npz", "learned/*.npz")
"""Files that outlive a run."""
SMALL = ("receipts", "kept")
"""Folders of a run with small files."""
PASSED_OVER = ("errors",)
"""Of a run: for a person on the driver's machine."""
GRACE_SECONDS = 2 * 86_400.0
"""What nothing names stays for so long: it may belong to a night that still runs."""
PLACE = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{8}")


class StoredWork:
    """The work folder of one command. storage: of its shop. run: the folder of its run, on the driver."""

    def __init__(self, storage: Storage, run: Path):
        self.storage, self.hadoop, self.run = storage, storage.hadoop, run
        self._known: set[str] = set()
        """What outlives runs and is on storage, as far as this command knows."""

    def save(self) -> None:
        """Bring what is new to storage, and write down what the run has."""
        self._save_shared()
        folders: dict[str, Note] = {}
        files: dict[str, str] = {}
        for path in self._own():
            if not path.is_dir():
                files[path.name] = path.read_text()
            elif path.name in SMALL:
                files |= {f"{path.name}/{one.name}": one.read_text() for one in sorted(path.glob("[!.]*"))}
            else:
                folders[path.name] = self.storage.told(path)
        old = self._records()
        number = 1 + max((int(one.name[:8]) for one in old), default=0)
        text = json.dumps({"folders": folders, "files": files}, sort_keys=True)
        self.hadoop.write(self._at(self.run, f"{number:08}-{uuid.uuid4().hex[:8]}.json"), text.encode())
        for one in old:
            self.hadoop.delete(one.url)

    def restore(self) -> list[str]:
        """Bring the driver's disk to what storage has; returns what was fetched.

        What the driver alone has of the run goes, where storage has a record of the run: a killed job left it.
        """
        fetched = self._restore_shared()
        record = self._newest()
        if record is None:
            return fetched
        folders, files = record["folders"], record["files"]
        here = [path for path in self._own() if path.name not in SMALL]
        here += [path for name in SMALL for path in (self.run / name).glob("[!.]*")]
        for path in here:
            if path.relative_to(self.run).as_posix() not in {*folders, *files}:
                remove(path)
        fetched += [name for name, note in folders.items() if self._bring(note, self.run / name)]
        for name, text in files.items():
            write_text(self.run / name, text)
        return fetched

    def restore_files(self) -> None:
        """Bring the small files of the run alone to the driver, where storage has it: what a person asks about it."""
        for name, text in (self._newest() or {"files": {}})["files"].items():
            write_text(self.run / name, text)

    def sweep(self, keep_runs: int) -> int:
        """Remove old runs from storage, and data that nothing names; returns how many places went.

        keep_runs: the newest so many stay, and this one.
        """
        runs = sorted({one.name for one in self.hadoop.files(self.storage.at("runs/*"))})
        for name in runs[:-keep_runs]:
            if name != self.run.name:
                self.hadoop.delete(self.storage.at(f"runs/{name}"))
        since = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() - GRACE_SECONDS))
        old = {
            one.name
            for one in self.hadoop.files(self.storage.at("data/*"))
            if (found := PLACE.fullmatch(one.name)) and found[1] < since
        }
        gone = old - {place.removeprefix("data/") for place in self._named()} if old else old
        for name in gone:
            self.hadoop.delete(self.storage.at(f"data/{name}"))
        return len(gone)

    def _own(self) -> list[Path]:
        """What a run has, on the driver's disk."""
        found = sorted(self.run.iterdir()) if self.run.is_dir() else []
        return [path for path in found if not path.name.startswith(".") and path.name not in PASSED_OVER]

    def _records(self) -> list[FileThere]:
        return [one for one in self.hadoop.files(self._at(self.run, "*.json")) if one.name[:8].isdigit()]

    def _newest(self) -> dict[str, Any] | None:
        """The newest whole record of the run; None where there is none. A driver may die while it writes one."""
        for one in reversed(self._records()):
            found = self._json(one)
            if found is not None:
                return found
        return None

    def _named(self) -> set[str]:
        """The places of all that runs have, and of what outlives them."""
        records = [self._json(one) or {} for one in self.hadoop.files(self.storage.at("runs/*/*.json"))]
        notes = [self._json(one) or {} for pattern in FOLDERS for one in self._stored(f"{pattern}/{NOTE}").values()]
        every = [*notes, *(note for record in records for note in record.get("folders", {}).values())]
        return {note["at"] for note in every if "at" in note}

    def _save_shared(self) -> None:
        here = {f"{folder.relative_to(self.storage.local).as_posix()}/{NOTE}": folder for folder in self._whole()}
        files = {path.relative_to(self.storage.local).as_posix(): path for path in self._files()}
        for name, folder in here.items():
            if name not in self._known:
                self.storage.keep(folder)
        new = {path: self.storage.at(name) for name, path in files.items() if name not in self._known}
        self.hadoop.put(new)
        for gone in self._known - here.keys() - files.keys():
            self.hadoop.delete(self.storage.at(gone))
        self._known = {*here, *files}

    def _restore_shared(self) -> list[str]:
        fetched: list[str] = []
        for pattern in FOLDERS:
            for name, one in self._stored(f"{pattern}/{NOTE}").items():
                folder, note = (self.storage.local / name).parent, self._json(one)
                if note is not None:
                    self._known.add(name)
                    fetched += [name] if self._bring(note, folder) else []
        for pattern in FILES:
            stored = self._stored(pattern)
            missing = {name: one for name, one in stored.items() if not _has(self.storage.local / name, one.bytes)}
            self.hadoop.fetch({self.storage.local / name: one for name, one in missing.items()})
            self._known |= stored.keys()
            fetched += missing
        return fetched

    def _whole(self) -> Iterator[Path]:
        """The folders of the driver's disk that outlive runs."""
        for pattern, marks in FOLDERS.items():
            for folder in sorted(self.storage.local.glob(pattern)):
                parts = folder.relative_to(self.storage.local).parts
                whole = any((folder / mark).exists() for mark in marks) and not (folder / REPLACED).exists()
                if whole and not any(part.startswith(".") for part in parts):
                    yield folder

    def _files(self) -> Iterator[Path]:
        for pattern in FILES:
            yield from (path for path in self.storage.local.glob(pattern) if not path.name.startswith("."))

    def _stored(self, pattern: str) -> dict[str, FileThere]:
        """Files on storage by their place below the URL. pattern: of places."""
        depth = pattern.count("/") + 1
        found = self.hadoop.files(self.storage.at(pattern))
        return {"/".join(one.url.rsplit("/", depth)[1:]): one for one in found}

    def _bring(self, note: Note, folder: Path) -> bool:
        """Bring a folder of storage to the driver, where it is not there already; returns whether it was fetched."""
        texts = note.pop("texts", {})
        here = read_note(folder)
        if here is not None and here["at"] == note["at"]:
            new = None
        else:
            new = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
            try:
                self._fetch(note, new)
                remove(folder)
                new.rename(folder)
            finally:
                remove(new)
        for name, text in texts.items():
            write_text(folder / name, text)
        return new is not None

    def _fetch(self, note: Note, folder: Path) -> None:
        url, files = self.storage.at(note["at"]), note["files"]
        stored = {name: FileThere(f"{url}/{name}", fact["bytes"], 0.0, False) for name, fact in files.items()}
        self.hadoop.fetch({folder / name: one for name, one in stored.items()})
        found = facts_of(folder, files)
        wrong = next((name for name in files if found[name] != files[name]), None)
        if wrong is not None:
            raise EngineError(f"{url}/{wrong}: its sha256 is not that of the file that was written; it is damaged")
        write_text(folder / NOTE, dumped(note))

    def _json(self, stored: FileThere) -> dict[str, Any] | None:
        """A small file on storage; None where it is not whole."""
        try:
            found: dict[str, Any] = json.loads(self.hadoop.read(stored.url))
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _at(self, run: Path, name: str) -> str:
        return self.storage.at(f"runs/{run.name}/{name}")


def _has(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size == size
