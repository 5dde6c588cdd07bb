"""The behaviour model without ids: the vector of an item is a linear map of its text vector.

Everything else is `jobs.models.behaviour.network`: how events fade, the map from what a user had to what comes next,
and the loss. The biases of items are learned beside it and stay behind: how popular an item is says nothing elsewhere.
The projection begins at the principal components of the texts, which is text similarity, and a gentle fit moves it from
there. A fit from random numbers, or a long one, learns the shop: it is better there and worse in another.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from jobs.models.behaviour.network import BehaviourModel

if TYPE_CHECKING:
    from jobs.config.learning import TrainConfig


class TextNetwork(BehaviourModel):
    """Item vectors from texts, and the fading of events."""

    def __init__(self, popularity: Tensor, texts: Tensor, settings: "TrainConfig"):
        """Make an untrained network. popularity: events of each item, (n,). texts: `whitened` text vectors, (n, T)."""
        import scipy.sparse as sp

        super().__init__(popularity, sp.csr_array((len(texts), 0), dtype="float32"), settings)
        heads, n, d = settings.heads, len(texts), settings.dimensions
        self.own = nn.Parameter(torch.zeros(heads, n, 0), requires_grad=False)
        self.label = nn.Parameter(torch.zeros(heads, 0, d), requires_grad=False)
        exact = texts.double()
        components = torch.linalg.eigh(exact.T @ exact).eigenvectors.flip(1)[:, :d].float()
        start = nn.functional.pad(components, (0, d - components.shape[1]))
        self.projection = nn.Parameter(start.repeat(heads, 1, 1))
        self.register_buffer("texts", texts, persistent=False)

    def item_vectors(self, head: int, items: Tensor | None = None, own: Tensor | None = None) -> Tensor:
        """Return e of items, (C, d). items: their numbers, int64 (C,); None: all. own: is nothing here."""
        return (self.texts if items is None else self.texts[items]) @ self.projection[head]
