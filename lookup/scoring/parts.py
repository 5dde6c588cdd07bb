"""The parts of a vector: what each is read from, how much it counts, and what a new item gets for it by day.

Each part has one or several of the encoder's heads, which stand side by side; its width is the sum of theirs. The
first part is behaviour. A content part comes from a model that reads the item itself: its text, or its picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

BEHAVIOUR, TEXT, LOOK = "behaviour", "text", "look"
LABELS, NOTHING = "labels", "nothing"
NEWCOMER = (LABELS, NOTHING)
MOST_WEIGHT = 1e6


@dataclass(frozen=True)
class Part:
    """One part of a vector."""

    name: str
    """"behaviour", "text" or "look"."""
    heads: int
    """How many heads of the encoder it has, 0 or more; a content part has one."""
    weight: float = 1.0
    """How much it counts in a score: v has weight * t where x has t. Behaviour weighs itself: 1."""
    newcomer: str = LABELS
    """What an item that a patch adds gets by day: "labels", from its labels (see `lookup.scoring.cold_start`), or
    "nothing", zeros."""
    cosine: float | None = None
    """The mean cosine of the day's t and the night's, over items that the fit did not see; null where none was."""

    def __post_init__(self) -> None:
        """Raise ValueError where it is no part."""
        numbers = (self.weight, *(() if self.cosine is None else (self.cosine,)))
        if not self.name or self.heads < 0 or self.newcomer not in NEWCOMER:
            raise ValueError(f"{self} is no part")
        if not all(-MOST_WEIGHT <= number <= MOST_WEIGHT for number in numbers):  # NaN is not, either
            raise ValueError(f"{self}: its numbers are out of range")

    def to_json(self) -> dict[str, Any]:
        """As the manifest stores it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Part":
        """As read from the manifest. Raises KeyError, TypeError or ValueError where it is not one."""
        cosine = data.get("cosine")
        return cls(
            str(data["name"]),
            int(data["heads"]),
            float(data["weight"]),
            str(data["newcomer"]),
            None if cosine is None else float(cosine),
        )


def behaviour_and_text(heads: int, weight: float = 1.0, cosine: float | None = None) -> tuple[Part, ...]:
    """The parts of releases before schema version 5, whose last head reads the text. heads: of both together."""
    if not heads:
        return ()
    return Part(BEHAVIOUR, heads - 1), Part(TEXT, 1, weight, cosine=cosine)


def check(parts: Sequence[Part], heads: int) -> None:
    """Raise ValueError where a name stands twice, or where the parts have more or fewer heads than the encoder."""
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise ValueError(f"parts {names}, one of them twice")
    if (found := sum(part.heads for part in parts)) != heads:
        raise ValueError(f"parts of {found} heads for {heads}")
