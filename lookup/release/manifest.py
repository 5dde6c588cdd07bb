"""The manifest of a release: `manifest.json`, which readers trust for what belongs to it."""

import hashlib
import json
import os
import secrets
import warnings
from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lookup.errors import ReleaseError, VersionError
from lookup.release import schema
from lookup.release.manifest_rules import LISTED_PARTS, PART_RULES, RULES, fits, with_parts
from lookup.release.schema import FIRST_VERSION
from lookup.retrieval.annoy_index import AnnoyFact
from lookup.retrieval.index_choice import IndexChoice
from lookup.scoring.cold_start import ColdStartFact
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder
from lookup.sealed import broken_seal, sealed

FILE = "manifest.json"
NOT_IN_CATALOG = ("files", "override", "validation", "later_receipts")
"""What the table `manifest` of the catalog leaves out: the build does not know it yet when it writes the catalog."""

Checked = Callable[[int, int], None]
"""Called with the bytes that are verified so far and those of all files: at the start and after each file."""


def silent(done: int, total: int) -> None:
    """Nobody asks how far it is."""


@dataclass(frozen=True)
class FileFact:
    """What the manifest knows of a file."""

    bytes: int
    sha256: str
    """Hexadecimal, of the whole file."""

    def damaged(self, found: str) -> str:
        """The message for a file with another digest."""
        return f"damaged: sha256 is {found}, {self.sha256} expected by the manifest"


@dataclass(frozen=True)
class Manifest:
    """What a release is and what belongs to it.

    A field that a later schema version brings says so: `field(default=…, metadata={"since": 4})`. The default stands in
    for it in older releases. The key in JSON is the field's name unless its metadata gives another `key`.
    """

    id: str
    schema_version: int
    """Of `lookup.release.schema` when the release was built."""
    created: str
    """UTC, ISO 8601."""
    date: str
    """Day of the night, ISO 8601: the release knows the events before this day."""
    shop: str
    parent: str | None
    """The release that served when this one was built; null where there was none."""
    space_id: str
    """16 hexadecimal digits: the model version in which vectors may be compared."""
    dims: dict[str, int]
    """Sizes of the letters in the shapes of arrays."""
    counts: dict[str, int]
    """`items`, `users`, `events` and others, by name."""
    model: dict[str, Any]
    """`model`: the id of the behaviour model; `text_model`: its name; `look_model`: that of the model of pictures, or
    null (since version 5); `trained_until`: a day."""
    score_parameters: ScoreParameters = field(metadata={"key": "encoder"})
    """How a history makes the vector of a user and the scores of items (see `lookup.scoring.score_parameters`)."""
    annoy: AnnoyFact
    """How the Annoy index was made (see `lookup.retrieval.annoy_index`)."""
    index_choice: IndexChoice = field(metadata={"key": "search"})
    """How the best items for a vector are found, by what the build measured (see `lookup.retrieval.index_choice`)."""
    cold_start: ColdStartFact = field(metadata={"key": "describe"})
    """How an item that a patch adds gets its vector (see `lookup.scoring.cold_start`)."""
    features: dict[str, str]
    """Declared features by name, in the order of the columns of `item_feature`: "number" or "text"."""
    weights: dict[str, float]
    """The weight of an event by its type; the day ignores events of other types."""
    max_history: int
    """How many of a user's events make the vector at most: the newest."""
    bought: str
    """Whether a user's list has items of the user's history: "include", "exclude", or "separate" for a list of its
    own."""
    patches_until: int
    """The position in the patch log up to which this release has absorbed it; 0 where the night read no log."""
    files: dict[str, FileFact]
    """`bytes` and `sha256` of each file by its name in the release; all files but the manifest itself."""
    metrics: list[dict[str, Any]]
    """`method`, `metric`, `value` and `users` of each figure of quality."""
    receipt: list[dict[str, Any]]
    """The receipts of the night's jobs, up to the one that built the release."""
    override: dict[str, Any] | None = None
    """Where a person published the release against `validate`: `by`, `at` (UTC, ISO 8601), `reason` (or null), and
    `overridden`: `name`, `found` and `expected` of each finding. Else null."""
    validation: dict[str, Any] | None = field(default=None, metadata={"optional": True})
    """What `validate` says of the release (see `lookup.release.validation`): `verdict` ("passed", "held" or "broken"),
    `at` (UTC, ISO 8601), `held_for` (`name`, `found` and `expected` of each finding) and `files`, a digest of what it
    has seen. Left out where `validate` has not run."""
    ranker: dict[str, Any] | None = None
    """`features` and `hidden` of the ranker (see `lookup.scoring.ranker`), and its training; null without a ranker."""
    patches_log: dict[str, Any] | None = field(default=None, metadata={"optional": True})
    """The log that `patches_until` is a position of: its `id`, and the `mark` that the night left in it (see
    `lookup.patches.following.lineage`). Left out where the night read no log, and by earlier versions of Daybreak."""
    ages_from: str | None = field(default=None, metadata={"optional": True})
    """The day that the ages of events count from, ISO 8601: that of the night, or the day after the last event, where
    that is earlier. Left out by earlier versions of Daybreak, where it is that of the night."""
    later_receipts: list[dict[str, Any]] | None = field(default=None, metadata={"optional": True})
    """The receipts of `build` and `validate`, which end after the catalog is written. Left out until then, and by
    earlier versions of Daybreak."""

    shards: list[dict[str, int]] | None = field(default=None, metadata={"since": 8, "optional": True})
    """`U` and `E`, the users and events, of each shard of the users (see `lookup.release.shards.routing`), which are
    those of `dims` together. Left out where the users are in one piece."""

    @property
    def all_receipts(self) -> list[dict[str, Any]]:
        """The receipts of all jobs that the manifest knows of, in the order in which they ended."""
        return [*self.receipt, *(self.later_receipts or [])]

    def __getattr__(self, name: str) -> Any:
        """Fields by the names of earlier versions, which go on working with a note."""
        new = {"search": "index_choice", "describe": "cold_start"}.get(name)
        if new is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        warnings.warn(f"Manifest.{name} is called Manifest.{new} now", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    @property
    def encoder(self) -> UserEncoder:
        """How the vector of a user is made in this release's space."""
        return self.score_parameters.encoder

    def to_json(self) -> dict[str, Any]:
        """As written to the file: what the release's own schema version has, and nothing of later ones."""
        # The parameters are flat in the file, which does not nest the encoder in them.
        version, values = self.schema_version, asdict(self) | {"score_parameters": self.score_parameters.to_json()}
        later = {one.letter for one in schema.LETTERS if one.since > version}
        values["dims"] = {letter: size for letter, size in self.dims.items() if letter not in later}
        later = {_key(one) for kind in (*PARTS.values(), UserEncoder) for one in fields(kind) if _since(one) > version}
        for name in PARTS:
            values[name] = {key: value for key, value in values[name].items() if key not in later}
        written = (one for one in fields(self) if _since(one) <= version)
        # A manifest from before an optional field is written back as it was read.
        left_out = {one.name for one in fields(self) if one.metadata.get("optional") and values[one.name] is None}
        return {KEYS[one.name]: values[one.name] for one in written if one.name not in left_out}

    def facts(self) -> dict[str, str]:
        """All that a build knows before it writes the catalog, as text by key: the table `manifest` there."""
        return _facts(self.to_json())

    def write(self, release: Path) -> None:
        """Write `manifest.json` into the folder of a release, atomically: a reader finds the old one or the new."""
        # A name of its own: two processes that write at once must not write into one file.
        new = release / f".{FILE}.{secrets.token_hex(4)}"
        try:
            with new.open("x", encoding="utf-8") as file:
                file.write(sealed(self.to_json()))
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, release / FILE)
        finally:
            new.unlink(missing_ok=True)


PARTS: dict[str, Any] = {
    "score_parameters": ScoreParameters,
    "annoy": AnnoyFact,
    "index_choice": IndexChoice,
    "cold_start": ColdStartFact,
}
"""Fields of the manifest that are dataclasses themselves."""
KEYS: dict[str, str] = {one.name: one.metadata.get("key", one.name) for one in fields(Manifest)}
"""The key in JSON of each field of the manifest."""


def digest(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def oldest_readable() -> int:
    """The oldest schema version that this Daybreak reads: the newest that brought something without a stand-in."""
    kinds = (Manifest, *PARTS.values(), UserEncoder)
    needed = (_since(one) for kind in kinds for one in fields(kind) if not _has_default(one))
    return max(schema.oldest_needed(), *needed)


def read(release: Path) -> Manifest:
    """Read the manifest of the release in a folder.

    Raises VersionError when its schema version is too new or too old for this Daybreak; ReleaseError, naming the file,
    when it is missing, not readable or incomplete.
    """
    path, data = release / FILE, _load(release)
    version = _checked_version(path, data.get("schema_version"))
    missing = [KEYS[one.name] for one in fields(Manifest) if KEYS[one.name] not in data and not _has_default(one)]
    if missing:
        raise ReleaseError(f"{path}: {', '.join(missing)} missing")
    values = {name: data[key] for name, key in KEYS.items() if key in data}
    if isinstance(values["dims"], dict):
        values["dims"] = {one.letter: one.stand_in for one in schema.LETTERS if one.since > version} | values["dims"]
    for rule in RULES:
        if not rule.valid(values.get(rule.field)):
            raise ReleaseError(f"{path}: {rule.complaint(values.get(rule.field))}")
    key = ""
    try:
        if version < LISTED_PARTS:
            key = KEYS["cold_start"]
            data["encoder"] = with_parts(data["encoder"], data[key])
        for name, kind in PARTS.items():
            key = KEYS[name]
            values[name] = _part(kind, data[key])
            for rule in PART_RULES.get(key, ()):
                if not rule.valid(data[key].get(rule.field)):
                    raise TypeError(rule.complaint(data[key].get(rule.field)))
        key = "files"
        values[key] = {name: FileFact(**fact) for name, fact in data[key].items()}
    except (TypeError, AttributeError) as error:
        raise ReleaseError(f"{path}: {key} is not as expected: {error}") from None
    except ReleaseError as error:
        raise ReleaseError(f"{path}: {error}") from None
    return Manifest(**values)


def facts_in(release: Path) -> dict[str, str]:
    """What the catalog of a release must say in its table `manifest`, by key: `Manifest.facts` as the file has it.

    Not of the parsed manifest, which has stand-ins where the release is of an older schema version. Raises ReleaseError
    when the file is not readable.
    """
    known = KEYS.values()
    return {key: value for key, value in _facts(_load(release)).items() if key in known}


def _load(release: Path) -> dict[str, Any]:
    path = release / FILE
    try:
        text = path.read_bytes().decode("utf-8")
        data = json.loads(text)
    except OSError as error:
        raise ReleaseError(f"{path}: {reason(error)}; a release without its manifest is not whole") from None
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(data, dict):
        raise ReleaseError(f"{path}: an object was expected, not {type(data).__name__}")
    if (why := broken_seal(text, data, KEYS.values())) is not None:
        raise ReleaseError(f"{path}: damaged: {why}; bring the release back from a copy, or build it again")
    return data


def _checked_version(path: Path, version: object) -> int:
    newest, oldest = schema.SCHEMA_VERSION, oldest_readable()
    known = f"version {newest}" if oldest == newest else f"versions {oldest} to {newest}"
    found = f"{path}: schema version {version!r} found; this Daybreak reads {known}"
    if not isinstance(version, int) or isinstance(version, bool):
        raise ReleaseError(f"{found}: the manifest is damaged; build the release again")
    if version > newest:
        raise VersionError(
            f"{found}: a newer Daybreak wrote the release; install that one here, or go back to an older release with "
            "`daybreak rollback` or `daybreak publish ID`"
        )
    if version < oldest:
        raise VersionError(f"{found}: build the release again, or read it with the Daybreak that wrote it")
    return version


def _part(kind: Any, data: dict[str, Any]) -> Any:
    """A dataclass from its JSON, where keys that it does not know are left out. Raises TypeError, naming the field."""
    if kind is ScoreParameters:
        return ScoreParameters.from_json(data)
    values = {}
    for one in fields(kind):
        if one.name in data:
            if not fits(data[one.name], one.type):
                raise TypeError(f"{one.name} is {data[one.name]!r}")
            values[one.name] = data[one.name]
        elif not _has_default(one):
            raise TypeError(f"{one.name} is missing")
    return kind(**values)


def _facts(data: dict[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in data.items()
        if key not in NOT_IN_CATALOG
    }


def _key(one: Field[Any]) -> str:
    key: str = one.metadata.get("key", one.name)
    return key


def _since(one: Field[Any]) -> int:
    since: int = one.metadata.get("since", FIRST_VERSION)
    return since


def _has_default(one: Field[Any]) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def reason(error: OSError) -> str:
    """Why a file of a release cannot be read, in words."""
    return "it is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
