"""One release, opened for reading: its manifest, arrays and Annoy index, checked to belong together."""

import json
import logging
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookup.duckdb_file import REMEDY, held_by, opened
from lookup.errors import ReleaseError
from lookup.keys import CACHED, Keys
from lookup.release import manifest, schema
from lookup.release.arrays import check_rows, file_name, open_array
from lookup.release.check import Damage, DamagedError, harm, known, remember, seal
from lookup.release.manifest import Checked, silent
from lookup.release.pointer import checked_id
from lookup.retrieval import annoy_index
from lookup.retrieval.ranked_lists import RankedLists
from lookup.retrieval.scan import scan, scan_projections
from lookup.scoring.cold_start import ColdStartEncoder
from lookup.scoring.parts import BEHAVIOUR, LOOK, TEXT
from lookup.scoring.ranker import Ranker
from lookup.scoring.score_parameters import ScoreParameters, TransitionRows
from lookup.scoring.user_encoder import UserEncoder
from lookup.search import FILE as SEARCH_FILE

if TYPE_CHECKING:
    from lookup.search.index import SearchIndex

LOG = logging.getLogger("lookup")
CATALOG_FILE = "catalog.duckdb"
EPOCH = date(1970, 1, 1)
DUCKDB_MAGIC = b"DUCK"
DUCKDB_MAGIC_AT = 8
"""A DuckDB file begins with a checksum of 8 bytes; its magic bytes follow."""


class UserHistory(NamedTuple):
    """The events that made the night's vector of a user, the newest last."""

    rows: NDArray[np.int32]
    """Item rows, (n,)."""
    days: NDArray[np.int32]
    """Since 1970, UTC, (n,)."""
    weights: NDArray[np.float32]
    """(n,)."""


class Release:
    """A release, opened. Everything is mapped read-only; nothing is copied, so processes share the memory.

    A release of an older schema version is read as its own version promises: arrays and sizes that came later have the
    stand-ins of `lookup.release.schema`.

    path: the folder of the release. verify: check every byte, and the catalog's own manifest, before trusting any.
    checked: told how far the verification is.
    Raises VersionError when the schema version is too new or too old for this Daybreak; ReleaseError, naming the file,
    when anything is missing, damaged, or of another release or space.
    """

    def __init__(self, path: Path, verify: bool = False, checked: Checked = silent):
        self.path = path
        try:
            self.manifest = _checked_files(path)
            damage = _verified(path, self.manifest, checked) if verify else _found_before(path, self.manifest)
            self.arrays: dict[str, NDArray[Any]] = _open_arrays(path, self.manifest, checked=damage is not None)
            """By name, as `lookup.release.schema.ARRAYS` says."""
        except OSError as error:
            raise ReleaseError(f"{error.filename or path}: cannot be read: {error.strerror}") from None
        self.index_checked = damage is not None and self.manifest.annoy.file not in damage
        """Whether every byte of the Annoy index is known to be right. Until then no call uses it, because a wrong byte
        there can end the process."""
        if self.encoder.bias + 1 != self.manifest.dims["D"]:
            raise ReleaseError(
                f"{path / manifest.FILE}: the encoder's widths {list(self.encoder.widths)} and the bias make "
                f"{self.encoder.bias + 1} coordinates; vectors have {self.manifest.dims['D']}"
            )
        self._check_parts()
        if self.manifest.index_choice.method == "sketch" and not self.manifest.dims["R"]:
            raise ReleaseError(f"{path / manifest.FILE}: search says sketch, but there are no projections (R is 0)")
        self.items, self.users, self.categories = self._keys("item"), self._keys("user"), self._keys("category")
        self.brands, self.values, self.groups = self._keys("brand"), self._keys("value"), self._keys("group")
        self._item_rows: dict[str, int] = {}
        self.user_topk, self.user_again = self._lists("user_topk"), self._lists("user_again")
        self.user_unseen = self._lists("user_unseen")
        self.item_topk, self.popular = self._lists("item_topk"), self._lists("popular")
        self.item_input: NDArray[np.float32] = self.arrays["item_input"]
        self.item_vector: NDArray[np.float32] = self.arrays["item_vector"]
        self.next_item: NDArray[np.int32] = self.arrays["item_next_item"]
        self.next_weight: NDArray[np.float32] = self.arrays["item_next_weight"]
        self.item_repeat: NDArray[np.float32] = self.arrays["item_repeat"]
        self.item_price: NDArray[np.float64] = self.arrays["item_price"]
        self.item_in_stock: NDArray[np.uint8] = self.arrays["item_in_stock"]
        self.item_category: NDArray[np.int32] = self.arrays["item_category"]
        self.item_brand: NDArray[np.int32] = self.arrays["item_brand"]
        self.item_group: NDArray[np.int32] = self.arrays["item_group"]
        self._group_offsets = self.arrays["group_item_offsets"].data
        self._group_items = self.arrays["group_item"].data
        self.item_popularity: NDArray[np.float32] = self.arrays["item_popularity"]
        self.item_feature: NDArray[np.float64] = self.arrays["item_feature"]
        self.user_vector: NDArray[np.float32] = self.arrays["user_vector"]
        self.item_usual_price: NDArray[np.float32] = self.arrays["item_usual_price"]
        self.ranker = self._ranker()
        """None in a release without one."""
        self._history_offsets = self.arrays["user_history_offsets"].data
        self._record_offsets = self.arrays["item_record_offsets"].data
        self._record_bytes = self.arrays["item_record_bytes"].data
        self.labels = self._keys("label")
        label_vector, label_map = self.arrays["label_vector"], self.arrays["label_map"]
        content = [(part, self.arrays[f"label_{part.name}"]) for part in self.encoder.content]
        self._cold_start = ColdStartEncoder(self.labels, label_vector, label_map, content, self.manifest.cold_start)
        self._projections = (self.arrays["item_sketch"], self.arrays["query_sketch"])
        self._index = annoy_index.open_index(path, self.manifest.annoy, self.item_vector)
        self.search: SearchIndex | None = self._search(checked=damage is not None)
        """None in a release that was built without search, or before there was one."""

    def _check_parts(self) -> None:
        """Raise ReleaseError where the encoder's parts are not as wide as the arrays of their labels."""
        dims, encoder = self.manifest.dims, self.encoder
        known = {BEHAVIOUR: dims["H"], TEXT: dims["T"], LOOK: dims["W"]}
        found = {part.name: encoder.width(part.name) for part in encoder.parts}
        if found != {name: size for name, size in known.items() if name in found or size}:
            raise ReleaseError(
                f"{self.path / manifest.FILE}: the encoder's parts have widths {found}; by the dims they have {known}"
            )

    @property
    def id(self) -> str:
        """The release's id."""
        return self.manifest.id

    @property
    def night(self) -> int:
        """The day that the ages of the night count from, in days since 1970."""
        return (date.fromisoformat(self.manifest.ages_from or self.manifest.date) - EPOCH).days

    @property
    def encoder(self) -> UserEncoder:
        """Makes the vector of a user in this release's space."""
        return self.manifest.encoder

    @property
    def score_parameters(self) -> ScoreParameters:
        """How a history makes the scores of items."""
        return self.manifest.score_parameters

    @property
    def features(self) -> dict[str, str]:
        """The kinds of declared features by name, in the order of the columns of `item_feature`."""
        return self.manifest.features

    def find_item(self, item: str) -> int:
        """The row of an item, or -1. Remembers the rows that it found. Raises TypeError for what cannot be an id."""
        row = self._item_rows.get(item) if isinstance(item, str) else None
        if row is None:
            row = self.items.find(item)
            if row >= 0:  # callers may ask for any id; only those of items take memory
                if len(self._item_rows) >= CACHED:
                    self._item_rows.clear()
                self._item_rows[self.items.id(row)] = row
        return row

    def candidates(self, vector: NDArray[np.float32], n: int) -> NDArray[np.int32]:
        """Rows of about the `n` items with the largest u . v, best first, int32; fewer where the shop has fewer.

        vector: u, shape (D,). The search uses the method that the build measured as the fastest (`IndexChoice`). Until
        the Annoy index is checked, the exact scan stands in for it.
        """
        choice = self.manifest.index_choice
        if choice.method == "sketch":
            return scan_projections(self.item_vector, *self._projections, vector, n=n, survivors=choice.survivors)
        if choice.method == "annoy" and self.index_checked:
            return self._index.candidates(vector, min(n, len(self.items)), choice.search_k)
        return scan(self.item_vector, vector, n)

    def cold_start_vectors(self, fields: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """x and v of an item that a patch adds, float32 (D,) each, from its fields.

        fields: category (a list of names, the widest first), brand, price, title, description, text; each may be
        missing or None. See `lookup.scoring.cold_start`.
        """
        return self._cold_start.item(fields)

    def history(self, row: int) -> UserHistory:
        """The events that made the night's vector of a user, by user row."""
        part = slice(self._history_offsets[row], self._history_offsets[row + 1])
        return UserHistory(*(self.arrays[f"user_history_{name}"][part] for name in ("item", "day", "weight")))

    def record(self, row: int) -> dict[str, Any]:
        """The row of table `items` of the catalog, by column."""
        start, end = self._record_offsets[row], self._record_offsets[row + 1]
        record: dict[str, Any] = json.loads(bytes(self._record_bytes[start:end]))
        return record

    def group_rows(self, code: int) -> list[int]:
        """The item rows of a group, rising, by its row; none for a group that the release does not know."""
        if code >= len(self.groups):
            return []
        rows: list[int] = self._group_items[self._group_offsets[code] : self._group_offsets[code + 1]].tolist()
        return rows

    def transition_rows(self, rows: NDArray[np.int32]) -> TransitionRows:
        """The transitions and repeat terms of these item rows, which a history adds to scores."""
        return TransitionRows(self.next_item[rows], self.next_weight[rows], self.item_repeat[rows])

    def _search(self, checked: bool) -> "SearchIndex | None":
        if SEARCH_FILE not in self.manifest.files:
            return None
        from lookup.search.index import SearchIndex  # a backend that only recommends does not wait for it

        try:
            return SearchIndex.open(self.path, len(self.items), checked)
        except OSError as error:
            raise ReleaseError(f"{error.filename or self.path}: cannot be read: {error.strerror}") from None

    def _ranker(self) -> Ranker | None:
        if self.manifest.ranker is None:
            return None
        try:
            return Ranker.read(self.manifest.ranker, self.arrays["ranker"])
        except ReleaseError as error:
            raise ReleaseError(f"{self.path / file_name('ranker')}: {error}") from None

    def _keys(self, prefix: str) -> Keys:
        return Keys(*(self.arrays[f"{prefix}_{part}"] for part in ("hash", "id_offsets", "id_bytes")))

    def _lists(self, prefix: str) -> RankedLists:
        return RankedLists(self.arrays[f"{prefix}_item"], self.arrays[f"{prefix}_score"])


def files_of(facts: manifest.Manifest) -> list[str]:
    """The files that a reader needs of a release, relative to it, by what its schema version promises."""
    arrays = (file_name(array.name) for array in schema.arrays_of(facts.schema_version))
    return [CATALOG_FILE, facts.annoy.file, *arrays]


def open_from(releases: Path, release_id: str, verify: bool = False, checked: Checked = silent) -> Release:
    """Open the release of that id in a folder of releases.

    Raises ReleaseError as `Release` does, and when the manifest is that of another release.
    """
    release = Release(releases / checked_id(release_id), verify, checked)
    if release.id != release_id:
        raise ReleaseError(f"{release.path / manifest.FILE}: it is the manifest of release {release.id}")
    return release


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(DUCKDB_MAGIC_AT + len(DUCKDB_MAGIC))
    if head[DUCKDB_MAGIC_AT:] != DUCKDB_MAGIC:
        raise ReleaseError(f"{path}: not a DuckDB file: {head[DUCKDB_MAGIC_AT:]!r} found, {DUCKDB_MAGIC!r} expected")


def _check_catalog(release: Path) -> None:
    import duckdb  # for SQL and for verifying; a backend that serves does not load it

    path = release / CATALOG_FILE
    try:
        if (why := held_by(path)) is not None:  # its sha256 is right, and that is enough
            LOG.warning("%s: %s: its tables are not read. %s", path, why, REMEDY)
            return
        with opened(path) as catalog:
            rows = catalog.execute("SELECT key, value FROM manifest").fetchall()
    except duckdb.Error as error:
        raise ReleaseError(f"{path}: DuckDB cannot read its manifest: {error}") from None
    found = dict(rows)
    for key, value in manifest.facts_in(release).items():
        if found.get(key) != value:
            raise ReleaseError(
                f"{path}: its {key} is {found.get(key)}; that of {manifest.FILE} is {value}; one of them is "
                "damaged, or they are of different releases or spaces, which are never mixed"
            )


def _checked_files(path: Path) -> manifest.Manifest:
    """The manifest of the release in a folder, whose files are there as it says."""
    if not path.is_dir():
        raise ReleaseError(f"{path}: there is no such release; `daybreak releases` lists those that exist")
    facts = manifest.read(path)
    absent = [name for name in files_of(facts) if name not in facts.files]
    if absent:
        raise ReleaseError(f"{path / manifest.FILE}: its files lack {', '.join(absent)}")
    facts.check_sizes(path)
    _check_magic(path / CATALOG_FILE)
    return facts


def _verified(path: Path, facts: manifest.Manifest, checked: Checked) -> Damage:
    """Check every byte of a release, and its catalog; that nothing is wrong is remembered."""
    sealed = seal(path, facts.files)
    facts.check_bytes(path, checked)
    _check_catalog(path)
    if seal(path, facts.files) == sealed:
        remember(sealed, {})
    return {}


def _found_before(path: Path, facts: manifest.Manifest) -> Damage | None:
    """What a check of the release found on this host; None where there was none.

    Raises DamagedError where answers may be wrong.
    """
    damage = known(seal(path, facts.files))
    if damage is not None and (why := harm(damage)) is not None:
        raise DamagedError(why)
    return damage


def _open_arrays(path: Path, facts: manifest.Manifest, checked: bool) -> dict[str, NDArray[Any]]:
    """Every array of the schema by its name: mapped where the release has it, else its stand-in.

    checked: every byte is known to be right, so no number has to be looked at.
    """
    arrays = {
        array.name: open_array(path, array.name, facts.dims, facts.space_id)
        if array.since <= facts.schema_version
        else array.filled(facts.dims)
        for array in schema.ARRAYS
    }
    for array in () if checked else schema.arrays_of(facts.schema_version):
        check_rows(path, array.name, arrays[array.name], facts.dims, arrays)
    return arrays
