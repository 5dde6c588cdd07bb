"""The vector of a user: one numpy function that the night's jobs and the day's lookups call alike."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError
from lookup.scoring.parts import BEHAVIOUR, Part, behaviour_and_text, check

MOST_MIX = 1e6
"""No part of a mix is larger; the parts of a mix add up to about 1."""


@dataclass(frozen=True)
class UserEncoder:
    """The numbers that turn a history into the vector of a user.

    A vector has one part for each head and ends with the bias. The part of head h is

        u_h = unit(sum_j m_hj x_j),    m_hj = weight_j * sum_k mix_hk * 2 ** (-age_j / half_life_k)

    over the events j of the history, with unit(a) = a / |a|. The last coordinate is 1, so that the inner product with
    an item vector adds the item's bias. `lookup.scoring.score_parameters` says what a score adds to this product.
    """

    half_lives: tuple[float, ...]
    """In days. Each is positive, or infinity for a part that never decays (0 in JSON)."""
    mix: tuple[tuple[float, ...], ...]
    """One row for each head, each as long as `half_lives`; non-negative."""
    widths: tuple[int, ...]
    """How many coordinates each head's part has. The bias follows the last part."""
    parts: tuple[Part, ...] = field(default=(), metadata={"since": 5})
    """The parts of a vector in order, each with one or several heads (see `lookup.scoring.parts`). Before, all heads
    but the last are behaviour, and the last is text."""

    def __post_init__(self) -> None:
        if not self.parts:
            object.__setattr__(self, "parts", behaviour_and_text(len(self.widths)))

    def to_json(self) -> dict[str, Any]:
        """The encoder's fields as the manifest stores them, among those of `encoder`."""
        half_lives = [0.0 if np.isinf(half_life) else half_life for half_life in self.half_lives]
        parts = [part.to_json() for part in self.parts]
        return {"half_lives": half_lives, "mix": self.mix, "widths": self.widths, "parts": parts}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "UserEncoder":
        """Read the encoder from the manifest's `encoder`, whose other fields it passes over.

        Raises ReleaseError when a field is missing or unreadable.
        """
        try:
            made = cls(
                half_lives=tuple(float(half_life) or float("inf") for half_life in data["half_lives"]),
                mix=tuple(tuple(float(m) for m in head) for head in data["mix"]),
                widths=tuple(int(width) for width in data["widths"]),
                parts=tuple(Part.from_json(part) for part in data["parts"]),
            )
            check(made.parts, len(made.widths))
            for width, row in zip(made.widths, made.mix, strict=True):
                made.check_mix(row)
                if width < 0:
                    raise ValueError(f"a width of {width}")
            if not all(half_life > 0 for half_life in made.half_lives):  # NaN is not, either
                raise ValueError(f"half-lives of {made.half_lives}")
            return made
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ReleaseError(f"the manifest's encoder is not readable: {error!r} in {data!r}") from error

    def check_mix(self, mix: tuple[float, ...]) -> None:
        """Raise ValueError where a mix has more or fewer parts than there are half-lives, or a part that is none."""
        if len(mix) != len(self.half_lives):
            raise ValueError(f"{len(mix)} parts of a mix for {len(self.half_lives)} half-lives")
        if not all(0 <= part <= MOST_MIX for part in mix):
            raise ValueError(f"a mix of {mix}")

    @property
    def bias(self) -> int:
        """The coordinate of the item's bias: the last one."""
        return sum(self.widths)

    def decay(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much of an event each half-life leaves, float64 (n, half-lives).

        ages: in days, (n,). A negative age counts as 0.
        """
        return np.asarray(np.exp2(-np.maximum(ages, 0.0)[:, None] / np.asarray(self.half_lives)), dtype=np.float64)

    def user_vector(
        self, inputs: NDArray[np.float32], ages: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """The vector of a user from the history, float32 (D,).

        inputs: the rows of `item_input` for the items of the history, (n, D). ages: in days, (n,); a negative age
        counts as 0. weights: of the event types, (n,).

        For an empty history only the bias coordinate is set: the scores are then the item biases.
        """
        vector = np.empty(inputs.shape[1], dtype=np.float32)
        left = (weights[:, None] * (self.decay(ages) @ np.asarray(self.mix).T)).astype(np.float32)
        start = 0
        for head, width in enumerate(self.widths):
            part = vector[start : start + width]
            np.dot(left[:, head], inputs[:, start : start + width], out=part)
            length = float(np.dot(part, part)) ** 0.5
            if length > 0.0:
                part /= length
            start += width
        vector[start] = 1.0
        return vector

    def place(self, name: str) -> slice | None:
        """Where a part stands in a vector, by its name; None where vectors have no such part, or one without width."""
        head = start = 0
        for part in self.parts:
            width = sum(self.widths[head : head + part.heads])
            if part.name == name:
                return slice(start, start + width) if width else None
            head, start = head + part.heads, start + width
        return None

    def width(self, name: str) -> int:
        """How many coordinates a part has; 0 where vectors have no such part."""
        place = self.place(name)
        return 0 if place is None else place.stop - place.start

    @property
    def content(self) -> tuple[Part, ...]:
        """The parts but behaviour, in order."""
        return tuple(part for part in self.parts if part.name != BEHAVIOUR)

    def directions(self, vectors: NDArray[np.float32], by: str | None = None) -> NDArray[np.float32]:
        """Item vectors made comparable, float32: (n, D - 1), or with `by` (n, width of the part).

        The inner product of two rows is the mean of the cosines of all parts, or the cosine of one. An item without a
        part counts 0 there. vectors: of items, (n, D). by: the name of a part that the vectors have.
        """
        if by is not None:
            return _unit(vectors[:, self.place(by)])
        places = [place for place in (self.place(part.name) for part in self.parts) if place is not None]
        share = np.float32(max(len(places), 1) ** -0.5)
        return np.concatenate([vectors[:, :0], *(_unit(vectors[:, place]) * share for place in places)], axis=1)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0)[:, None], dtype=np.float32)
