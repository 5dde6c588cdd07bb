"""The statements on items that a reader remembers: the fronts of their fields, and which items changed when."""

import heapq
import logging
from collections.abc import Iterable, Iterator
from sys import getsizeof
from typing import NamedTuple

from lookup.item_fields import DESCRIBING
from lookup.patches.patch import AHEAD, Front, Statement, add, latest_time
from lookup.patches.patch_log import FOREVER
from lookup.patches.validation import refusal

LOG = logging.getLogger("lookup")
STATEMENT_BYTES = 480
"""About how much memory a statement takes, without its texts; as measured, the state of a release included."""
ITEM_BYTES = 260
"""About how much memory a patched item takes besides."""
NAME_BYTES = 100
"""About how much memory a name of a category path takes besides its text: a state gives it a number."""
MOST_MARKS = 100_000
"""How many changed items are remembered one by one. A state that is further behind is made from all statements."""
MOST_REFUSED = 1000
"""How many refused statements are remembered one by one."""
STEP_BACK = 1_000_000
"""Microseconds that a clock may step back without any statement beginning to hold again."""

Fields = dict[str, Front]
"""The fronts of an item by field. A change replaces the dictionary."""


class View(NamedTuple):
    """What an overlay holds at one moment."""

    items: dict[str, Fields]
    """By item id. Of all items, or of those that changed since another view; then no fields mean no statements."""
    mark: int
    """Names the moment, for `Overlay.since`."""
    until: int
    """When the next statement ends, microseconds since 1970."""


class ItemFronts:
    """The fronts of patched items. Not thread-safe: the overlay's lock guards it.

    item_bytes: what an item with a text or a category takes besides, because a state makes vectors of it.
    """

    def __init__(self, item_bytes: int):
        self.item_bytes = item_bytes
        self.mark = 0
        """Counts the changes to items."""
        self.fields: dict[str, Fields] = {}
        self.refused: dict[tuple[str, str], tuple[int, str]] = {}
        """Item and field → position of a statement that is not taken, and why."""
        self.statements = self.bytes = self._clock = 0
        self._ends: list[tuple[int, str]] = []
        self._changed: list[str] = []

    def clear(self) -> None:
        """Forget everything."""
        self.fields, self.refused, self._ends = {}, {}, []
        self.statements = self.bytes = 0
        self._change_all()

    def add(self, statements: Iterable[Statement]) -> None:
        """Add statements, in the order of their positions. Those that were added before change nothing."""
        latest = latest_time()
        for one in statements:
            if why := refusal(one.field, one.value):
                self._refuse(one, why)
                continue
            if self.refused and self.refused.get((one.item, one.field), (FOREVER, ""))[0] < one.position:
                del self.refused[one.item, one.field]
            before = self.fields.get(one.item, {}).get(one.field, ())
            after = add(before, one, latest)
            if after is not before:
                self._set(one.item, one.field, after)
                self._changes(one.item)
                for moment in _moments(one, latest):
                    heapq.heappush(self._ends, (moment, one.item))
        if len(self._ends) > 2 * self.statements + MOST_MARKS:
            self._find_ends()  # most are of statements that others replaced
        if len(self._changed) > MOST_MARKS:
            self._changed = self._changed[-MOST_MARKS // 2 :]

    def drop(self, watermark: int, now: int) -> None:
        """Drop what a release has absorbed up to a watermark, and what has ended by now, microseconds since 1970."""
        for item, fields in list(self.fields.items()):
            for field, front in fields.items():
                left = tuple(
                    one for one in front if not one.absorbed(watermark) and (one.until is None or one.until > now)
                )
                if len(left) < len(front):
                    self._set(item, field, left)
        self.refused = {key: one for key, one in self.refused.items() if one[0] > watermark}

    def expire(self, now: int | None) -> bool:
        """Let what ends or begins by now count as changed. now: as `Overlay.view` takes it.

        Returns whether the clock has stepped back, so that what seemed to have ended, and was dropped, goes on.
        """
        if now is None:
            return False
        back = now < self._clock - STEP_BACK
        if back:
            self._change_all()
            self._find_ends()
        self._clock = now
        while self._ends and self._ends[0][0] <= now:
            self._changes(heapq.heappop(self._ends)[1])
        return back

    def view(self) -> View:
        """All statements."""
        return View(dict(self.fields), self.mark, self._until)

    def since(self, mark: int) -> View | None:
        """What changed since a mark; None where too much did."""
        behind = self.mark - mark
        if behind > len(self._changed):
            return None
        items = dict.fromkeys(self._changed[len(self._changed) - behind :])
        return View({item: self.fields.get(item, {}) for item in items}, self.mark, self._until)

    def evict(self, most_bytes: float) -> int:
        """Drop the oldest statements, by position, until the others take so much. Returns how many were dropped."""
        every = sorted(
            (one.position, item, field)
            for item, fields in self.fields.items()
            for field, front in fields.items()
            for one in front
        )
        dropped = 0
        for position, item, field in every:
            if self.bytes <= most_bytes:
                break
            self._set(item, field, tuple(one for one in self.fields[item][field] if one.position != position))
            self._changes(item)
            dropped += 1
        return dropped

    @property
    def _until(self) -> int:
        return self._ends[0][0] if self._ends else FOREVER

    def _refuse(self, one: Statement, why: str) -> None:
        """Leave out a statement that an older writer kept."""
        if (one.item, one.field) not in self.refused:
            LOG.warning("item %.100r: a patch is refused: %s", one.item, why)
        if len(self.refused) < MOST_REFUSED:
            self.refused[one.item, one.field] = one.position, why

    def _find_ends(self) -> None:
        every = (one for fields in self.fields.values() for front in fields.values() for one in front)
        latest = latest_time()
        self._ends = [(moment, one.item) for one in every for moment in _moments(one, latest)]
        heapq.heapify(self._ends)

    def _set(self, item: str, field: str, front: Front) -> None:
        old = self.fields.get(item, {})
        before = old.get(field, ())
        self.statements += len(front) - len(before)
        self.bytes += sum(map(_bytes, front)) - sum(map(_bytes, before))
        fields = {name: one for name, one in old.items() if name != field}
        if front:
            fields[field] = front
        if field in DESCRIBING:
            self.bytes += self.item_bytes * (_describes(fields) - _describes(old))
        self.bytes += ITEM_BYTES * (bool(fields) - bool(old))
        if fields:
            self.fields[item] = fields
        else:
            self.fields.pop(item, None)

    def _changes(self, item: str) -> None:
        self._changed.append(item)
        self.mark += 1

    def _change_all(self) -> None:
        self.mark += MOST_MARKS + 1
        self._changed = []


def _moments(one: Statement, latest: int) -> Iterator[int]:
    """When a state must look at a statement again, microseconds since 1970: when it ends; when its time has come."""
    if one.until is not None:
        yield one.until
    if one.at > latest:
        yield one.at - AHEAD


def _describes(fields: Fields) -> bool:
    return any(field in fields for field in DESCRIBING)


def _bytes(statement: Statement) -> int:
    value, texts = statement.value, getsizeof(statement.item) + getsizeof(statement.source)
    if isinstance(value, str):
        texts += getsizeof(value)
    elif isinstance(value, list):
        texts += sum(map(getsizeof, value)) + NAME_BYTES * len(value)
    return STATEMENT_BYTES + texts
