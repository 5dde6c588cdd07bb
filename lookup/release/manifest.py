"""The manifest of a release: `manifest.json`, which readers trust for what belongs to it."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lookup.errors import ReleaseError
from lookup.release.schema import NUMBER, SCHEMA_VERSION, TEXT
from lookup.retrieval.annoy_index import AnnoyFact
from lookup.retrieval.index_choice import IndexChoice
from lookup.scoring.cold_start import ColdStartFact
from lookup.scoring.user_encoder import UserEncoder

FILE = "manifest.json"
DIMS = ("I", "U", "C", "D", "K", "S", "B", "P", "N", "G", "M", "F", "V", "E", "R", "L", "H", "Q", "T")
"""The letters of `lookup.release.schema` that a manifest gives sizes to."""


BOUGHT = ("include", "exclude", "separate")


@dataclass(frozen=True)
class FileFact:
    """What the manifest knows of a file."""

    bytes: int
    sha256: str
    """Hexadecimal, of the whole file."""


@dataclass(frozen=True)
class Manifest:
    """What a release is and what belongs to it."""

    id: str
    schema_version: int
    created: str
    """UTC, ISO 8601."""
    date: str
    """Of the night: it knew the events before this day."""
    shop: str
    parent: str | None
    """The release in place when this one was built."""
    space_id: str
    """16 hexadecimal digits: the model version in which vectors may be compared."""
    dims: dict[str, int]
    """Sizes of the letters of `lookup.release.schema`, by `DIMS`."""
    counts: dict[str, int]
    """Items, users, events and so on, by name."""
    model: dict[str, Any]
    """`model`: the behaviour model's id; `text_model`; `trained_until`: a date."""
    encoder: UserEncoder
    annoy: AnnoyFact
    search: IndexChoice
    describe: ColdStartFact
    """How an item that is added by day gets its vector."""
    features: dict[str, str]
    """Declared features by name, in the order of the columns of `item_feature`: "number" or "text"."""
    weights: dict[str, float]
    """How much an event of each type counts; the day takes no event of another type."""
    max_history: int
    """The newest events of a user that make the vector."""
    bought: str
    """Whether lists hold what a user had: "include", "exclude", or "separate", which has it in a list of its own."""
    patches_until: int
    """The position of the patch log that this release has absorbed; 0 where it knows of none."""
    files: dict[str, FileFact]
    """By name relative to the release; all but the manifest itself."""
    metrics: list[dict[str, Any]]
    """`method`, `metric`, `value`, `users`."""
    receipt: list[dict[str, Any]]
    """The receipts of the jobs of the night."""
    override: dict[str, Any] | None = None
    """Where a person had the release published although `validate` held it: `by`, `at` (UTC, ISO 8601), `reason` (or
    null), and `overridden`: `name`, `found` and `expected` of each finding."""
    ranker: dict[str, Any] | None = None
    """`features` and `hidden` of the ranker (see `lookup.scoring.ranker`), and what it was learned from; null where
    there is
    none."""

    def to_json(self) -> dict[str, Any]:
        """As written to the file."""
        return asdict(self) | {"encoder": self.encoder.to_json()}

    def facts(self) -> dict[str, str]:
        """All that a build knows but the list of files, as text by key: the table `manifest` of the catalog."""
        data = self.to_json()
        del data["files"], data["override"]
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in data.items()}

    def write(self, release: Path) -> None:
        """Write `manifest.json` into the folder of a release, atomically: a reader finds the old one or the new."""
        new = release / f".{FILE}.new"
        with new.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self.to_json(), indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, release / FILE)

    def check_sizes(self, release: Path) -> None:
        """Check that every file is there and has its size: fast.

        Raises ReleaseError, naming the file.
        """
        for name, fact in self.files.items():
            try:
                size = (release / name).stat().st_size
            except OSError as error:
                raise ReleaseError(f"{release / name}: the manifest names it, but {_reason(error)}") from None
            if size != fact.bytes:
                raise ReleaseError(f"{release / name}: {size} bytes found, {fact.bytes} expected by the manifest")

    def check_bytes(self, release: Path) -> None:
        """Check every byte of every file.

        Raises ReleaseError, naming the file.
        """
        self.check_sizes(release)
        for name, fact in self.files.items():
            found = digest(release / name)
            if found != fact.sha256:
                raise ReleaseError(
                    f"{release / name}: damaged: sha256 is {found}, {fact.sha256} expected by the manifest"
                )


def digest(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(release: Path) -> Manifest:
    """Read the manifest of the release in a folder.

    Raises ReleaseError, naming the file, when it is missing, not readable, incomplete or of another schema version.
    """
    path = release / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReleaseError(f"{path}: {_reason(error)}; a release without its manifest is not whole") from None
    except ValueError as error:
        raise ReleaseError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(data, dict):
        raise ReleaseError(f"{path}: an object was expected, not {type(data).__name__}")
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ReleaseError(
            f"{path}: schema version {version!r} found; this Daybreak reads version {SCHEMA_VERSION}: "
            "build the release again, or read it with the Daybreak that wrote it"
        )
    manifest = _parse(path, data)
    _check(path, manifest)
    return manifest


def _parse(path: Path, data: dict[str, Any]) -> Manifest:
    missing = [field.name for field in fields(Manifest) if field.name not in data and field.default is MISSING]
    if missing:
        raise ReleaseError(f"{path}: {', '.join(missing)} missing")
    values = {field.name: data[field.name] for field in fields(Manifest) if field.name in data}
    where = ""
    try:
        where = "encoder"
        values[where] = UserEncoder.from_json(data[where])
        for where, kind in (("annoy", AnnoyFact), ("search", IndexChoice), ("describe", ColdStartFact)):
            values[where] = kind(**data[where])
            for field in fields(kind):
                if not _fits(data[where][field.name], field.type):
                    raise TypeError(f"{field.name} is {data[where][field.name]!r}")
        where = "files"
        values[where] = {name: FileFact(**fact) for name, fact in data[where].items()}
    except (TypeError, AttributeError) as error:
        raise ReleaseError(f"{path}: {where} is not as expected: {error}") from None
    except ReleaseError as error:
        raise ReleaseError(f"{path}: {error}") from None
    return Manifest(**values)


def _fits(value: object, kind: Any) -> bool:
    """Whether a value of JSON is of the type of a field."""
    if kind == list[float]:
        return isinstance(value, list) and all(isinstance(one, (int, float)) for one in value)
    return isinstance(value, (int, float) if kind is float else kind)


def _check(path: Path, manifest: Manifest) -> None:
    if not isinstance(manifest.space_id, str) or not re.fullmatch("[0-9a-f]{16}", manifest.space_id):
        raise ReleaseError(f"{path}: space_id is {manifest.space_id!r}; 16 hexadecimal digits expected")
    if manifest.override is not None and not isinstance(manifest.override, dict):
        raise ReleaseError(f"{path}: override is {manifest.override!r}; an object or null expected")
    if manifest.ranker is not None and not isinstance(manifest.ranker, dict):
        raise ReleaseError(f"{path}: ranker is {manifest.ranker!r}; an object or null expected")
    if not isinstance(manifest.patches_until, int) or manifest.patches_until < 0:
        raise ReleaseError(f"{path}: patches_until is {manifest.patches_until!r}; a position, 0 or more, expected")
    weights = manifest.weights
    if not isinstance(weights, dict) or any(not isinstance(w, int | float) or w < 0 for w in weights.values()):
        raise ReleaseError(f"{path}: weights are {weights!r}; a number, 0 or more, expected for each event type")
    if manifest.bought not in BOUGHT:
        raise ReleaseError(f"{path}: bought is {manifest.bought!r}; expected {', '.join(BOUGHT)}")
    kinds = manifest.features
    if not isinstance(kinds, dict) or any(kind not in (NUMBER, TEXT) for kind in kinds.values()):
        raise ReleaseError(f"{path}: features are {kinds!r}; {NUMBER!r} or {TEXT!r} expected for each name")
    dims = manifest.dims
    if not isinstance(dims, Mapping) or any(not isinstance(dims.get(d), int) or dims[d] < 0 for d in DIMS):
        raise ReleaseError(f"{path}: dims are {dims!r}; a size, 0 or more, expected for each of {', '.join(DIMS)}")


def _reason(error: OSError) -> str:
    return "it is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
