"""The vector of a user: one numpy function, called by the night's jobs and by the day's lookups alike."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookup.errors import ReleaseError


@dataclass(frozen=True)
class Encoder:
    """The learned numbers of the user vector, stored in the manifest under `encoder`.

    u = sum_j m_j x_j / (sum_j m_j) ** power, with m_j = weight_j * sum_k mix_k * 2 ** (-age_j / half_life_k),
    and u[bias] = 1, so that the inner product with an item vector adds the bias of that item.
    """

    half_lives: tuple[float, ...]
    """In days; each positive, or infinity for a part that never fades (written as 0 in JSON)."""
    mix: tuple[float, ...]
    """Same length as `half_lives`; non-negative."""
    power: float
    """0: a plain sum; 1: a mean."""
    bias: int
    """The coordinate of the vector that holds the item's bias."""

    def to_json(self) -> dict[str, Any]:
        """As written to the manifest."""
        data = asdict(self)
        data["half_lives"] = [0.0 if np.isinf(h) else h for h in self.half_lives]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Encoder":
        """As read from the manifest.

        Raises ReleaseError when a field is missing.
        """
        try:
            return cls(
                half_lives=tuple(float(h) or float("inf") for h in data["half_lives"]),
                mix=tuple(float(m) for m in data["mix"]),
                power=float(data["power"]),
                bias=int(data["bias"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"the manifest's encoder is not readable: {error!r} in {data!r}") from error

    def weigh(self, ages: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much each event counts.

        ages: days, shape (n,); an age below 0 counts as 0. weights: shape (n,), of the event types.
        Returns shape (n,).
        """
        fading = np.exp2(-np.maximum(ages, 0.0)[:, None] / np.asarray(self.half_lives))
        return np.asarray(weights * (fading @ np.asarray(self.mix)), dtype=np.float64)

    def user_vector(
        self, inputs: NDArray[np.float32], ages: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """The vector of a user from the history.

        inputs: rows of `item_input` for the items of the history, shape (n, D). ages and weights: see `weigh`.
        Returns shape (D,), float32; with an empty history only the bias coordinate is set, so that the
        scores are those of the item biases.
        """
        share = self.weigh(ages, weights)
        total = float(share.sum())
        if total <= 0.0:
            vector = np.zeros(inputs.shape[1], dtype=np.float32)
        else:
            vector = np.asarray((share / total**self.power).astype(np.float32) @ inputs, dtype=np.float32)
        vector[self.bias] = 1.0
        return vector
