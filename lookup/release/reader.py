"""One release, opened for reading: its manifest, arrays and Annoy index, checked to belong together."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError, ShardError
from lookup.keys import CACHED, Keys, clean_id, hash_id
from lookup.release import manifest
from lookup.release.arrays import file_name
from lookup.release.manifest import Checked, silent
from lookup.release.pointer import checked_id
from lookup.release.shards.files import checked_files, found_before, verified
from lookup.release.shards.routing import ALL, Served, needed, of_hash, shard_of
from lookup.release.shards.users import UserHistory, Users, open_arrays, open_shards
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

EPOCH = date(1970, 1, 1)


class Release:
    """A release, opened. Everything is mapped read-only; nothing is copied, so processes share the memory.

    A release of an older schema version is read as its own version promises: arrays and sizes that came later have the
    stand-ins of `lookup.release.schema`.

    path: the folder of the release. verify: check every byte, and the catalog's own manifest, before trusting any.
    checked: told how far the verification is. served: the shards of users to map, of a release that has shards; what is
    of others need not be there, nor the catalog. Raises ValueError for shards that the release does not have;
    VersionError when the schema version is too new or too old for this Daybreak; ReleaseError, naming the file, when
    anything is missing, damaged, or of another release or space.
    """

    def __init__(self, path: Path, verify: bool = False, checked: Checked = silent, served: Served = ALL):
        self.path = path
        try:
            self.manifest = checked_files(path, served)
            files = needed(self.manifest.files, served)
            damage = verified(path, files, checked) if verify else found_before(path, files)
            self.arrays: dict[str, NDArray[Any]] = open_arrays(path, self.manifest, checked=damage is not None)
            """By name, as `lookup.release.schema.ARRAYS` says; without those of users where they are in shards."""
            self.shards = open_shards(path, self.manifest, self.arrays, served, checked=damage is not None)
            """The users of each shard, None for a shard that is not served; a release without shards is like one."""
            self.whole = self.shards[0] if self.manifest.shards is None else None
            """The users, where they are in one piece."""
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
        self.items, self.categories = self._keys("item"), self._keys("category")
        self.brands, self.values, self.groups = self._keys("brand"), self._keys("value"), self._keys("group")
        self._item_rows: dict[str, int] = {}
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
        self.item_usual_price: NDArray[np.float32] = self.arrays["item_usual_price"]
        self.ranker = self._ranker()
        """None in a release without one."""
        self._record_offsets, self._record_bytes = (
            self.arrays[f"item_record_{part}"].data for part in ("offsets", "bytes")
        )
        self.labels = self._keys("label")
        label_vector, label_map = self.arrays["label_vector"], self.arrays["label_map"]
        content = [(part, self.arrays[f"label_{part.name}"]) for part in self.encoder.content]
        self._cold_start = ColdStartEncoder(self.labels, label_vector, label_map, content, self.manifest.cold_start)
        self._projections = (self.arrays["item_sketch"], self.arrays["query_sketch"])
        self._index = annoy_index.open_index(path, self.manifest.annoy, self.item_vector)
        self.search: SearchIndex | None = self._search(checked=damage is not None)
        """None in a release that was built without search, or before there was one."""

    def _in_one_piece(self) -> Users:
        if self.whole is None:
            raise ReleaseError(f"{self.path}: its users are in {len(self.shards)} shards: each of `shards` has its own")
        return self.whole

    # Properties: a `__getattr__` would make every attribute of a release slower, and calls read many.

    @property
    def users(self) -> Keys:
        """The ids of all users. This and the next five raise ReleaseError where users are in shards."""
        return self._in_one_piece().keys

    @property
    def user_vector(self) -> NDArray[np.float32]:
        """u of each user, (U, D)."""
        return self._in_one_piece().vector

    @property
    def user_topk(self) -> RankedLists:
        """The list of each user."""
        return self._in_one_piece().topk

    @property
    def user_unseen(self) -> RankedLists:
        """The list of each user of what the user never had."""
        return self._in_one_piece().unseen

    @property
    def user_again(self) -> RankedLists:
        """What each user may buy again."""
        return self._in_one_piece().again

    def history(self, row: int) -> UserHistory:
        """The events that made the night's vector of a user, by user row."""
        return self._in_one_piece().history(row)

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

    def find_user(self, user: str) -> tuple[Users | None, int]:
        """The users of a user's shard, and the row among them, -1 for an unknown user; (None, -1) where this host does
        not serve the shard. Raises TypeError for what cannot be an id.
        """
        if self.whole is not None:
            return self.whole, self.whole.keys.find(user)
        users, row = None, -1
        if isinstance(user, str):
            data = user.encode("utf-8", "surrogatepass")  # a lone surrogate is in no id, so it finds none
            hashed = hash_id(data)
            users = self.shards[of_hash(hashed, len(self.shards))]
            row = -1 if users is None else users.keys.find_hashed(data, hashed)
            if row >= 0:
                return users, row
        cleaned = clean_id(user)
        return (users, row) if cleaned == user else self.find_user(cleaned)

    def user_at(self, row: int) -> tuple[Users, int]:
        """The users of the shard with a row among all users, and the row among them. Raises IndexError where none of
        the shards that are served has it.
        """
        for users in self.shards:
            if users is not None and users.first <= row < users.first + len(users):
                return users, row - users.first
        raise IndexError(f"{self.path}: row {row} is of no user that is served")

    def shard_of(self, user: str) -> int:
        """The number of the shard that a user is on, whether it is served or not; 0 in a release without shards.

        Raises TypeError for what cannot be an id.
        """
        return shard_of(user, len(self.shards))

    def elsewhere(self, user: str) -> ShardError:
        """The error that says on which shard a user is whom this host does not serve."""
        here = ", ".join(str(shard) for shard, users in enumerate(self.shards) if users is not None) or "none"
        return ShardError(
            f"{user!r:.100}: this user is on shard {self.shard_of(user)} of {len(self.shards)}, and this host serves "
            f"{here}: ask a host of that shard (`shop.shard_of`, `shop.serves`)"
        )

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


def open_from(
    releases: Path, release_id: str, verify: bool = False, checked: Checked = silent, served: Served = ALL
) -> Release:
    """Open the release of that id in a folder of releases.

    Raises as `Release` does, and ReleaseError when the manifest is that of another release.
    """
    release = Release(releases / checked_id(release_id), verify, checked, served)
    if release.id != release_id:
        raise ReleaseError(f"{release.path / manifest.FILE}: it is the manifest of release {release.id}")
    return release
