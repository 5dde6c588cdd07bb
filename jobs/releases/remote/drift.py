"""Where the like of a block is in an older file, whose rows may have moved.

Files of a release keep the order of their rows. Rows that came or went move all that follow, by more and more. So the
place of the next block is guessed from how far the last one had moved, and corrected by short samples of the block that
are looked for around there.
"""

import mmap

from lookup.travel.index import MOST_BASE_BYTES

SAMPLES = 8
SAMPLE_BYTES = 32
NEAR = 1 << 16
"""How far around the guess a sample is looked for first …"""
FAR = 32 << 20
"""… and then, where no sample was found near it."""
MARGIN = 1 << 18
"""What a base has at both ends beyond its block."""
GIVE_UP, NOW_AND_THEN = 4, 8
"""After so many blocks in a row that are nowhere, only one in so many is looked for in much of the file."""

Bytes = bytes | mmap.mmap


class Drift:
    """The older file, read from its beginning to its end. Not thread-safe: the blocks of a file come in their order."""

    def __init__(self, older: Bytes):
        self._older = older
        self._moved = 0
        self._lost = 0

    def base(self, offset: int, raw: bytes) -> tuple[int, int] | None:
        """The offset and length of what is most like a block; None where there is nothing.

        offset: of the block in the newer file.
        """
        samples = _samples(raw)
        found = (self._found(offset + place, text, NEAR) for place, text in samples)
        moves = [moved for moved in found if moved is not None] or self._far(offset, samples)
        if samples and not moves:
            return None
        low, high = (min(moves), max(moves)) if moves else (self._moved, self._moved)
        self._moved = moves[-1] if moves else self._moved
        start = max(0, offset + low - MARGIN)
        end = min(len(self._older), offset + len(raw) + high + MARGIN, start + MOST_BASE_BYTES)
        return (start, end - start) if end - start >= SAMPLE_BYTES else None

    def _far(self, offset: int, samples: list[tuple[int, bytes]]) -> list[int]:
        """The move of one sample that is looked for in much of the file; none where they have nothing in common."""
        if self._lost >= GIVE_UP and self._lost % NOW_AND_THEN:
            self._lost += 1
            return []
        for place, text in samples[:: SAMPLES // 4]:
            moved = self._found(offset + place, text, FAR)
            if moved is not None:
                self._lost = 0
                return [moved]
        self._lost += 1
        return []

    def _found(self, place: int, text: bytes, around: int) -> int | None:
        """How far a sample has moved, where it is in the older file near the place that is guessed."""
        guess = place + self._moved
        found = self._older.find(text, max(0, guess - around), max(0, guess + around) + len(text))
        return None if found < 0 else found - place


def _samples(raw: bytes) -> list[tuple[int, bytes]]:
    """Short parts of a block and their places, those of few different bytes left out: they are everywhere."""
    places = range(0, len(raw) - SAMPLE_BYTES + 1, max(1, len(raw) // SAMPLES))
    parts = ((place, raw[place : place + SAMPLE_BYTES]) for place in places)
    return [(place, part) for place, part in parts if len(set(part)) > 4]
