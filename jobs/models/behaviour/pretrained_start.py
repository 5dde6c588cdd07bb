"""What a model begins with that begins with another shop's: vectors of all items, with events or not, and of labels.

`jobs.models.pretrained` makes it from the items' texts.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.models.behaviour.model_store import PRETRAINED, Inputs, digest
from jobs.models.behaviour.network import BehaviourModel
from jobs.models.content.attribute_parts import ridge

if TYPE_CHECKING:
    import scipy.sparse as sp

Matrix = NDArray[np.float32]
RIDGE = 1.0
"""Of the regression from labels to the pretrained vectors of items."""


@dataclass(frozen=True)
class PretrainedStart:
    """The numbers of `jobs.models.behaviour.network.BehaviourModel` to begin with. e = own + the sum of the labels."""

    own: Matrix
    """What the labels leave open of each item's pretrained vector, (heads, n, d)."""
    label: Matrix
    """(heads, L, d)."""
    map: Matrix
    """(heads, d, d)."""
    mix_logits: Matrix
    """(heads, H); empty where the other shop had other half-lives."""
    alike: float = 0.0
    """`train.follow_alike` while there is no history to learn from, where that is more than the setting."""

    @classmethod
    def of(
        cls, vectors: Matrix, attributes: "sp.csr_array", forward: Matrix, mix_logits: Matrix, alike: float
    ) -> "PretrainedStart":
        """Share the pretrained vectors of n items, (heads, n, d), among their labels and the items themselves.

        attributes: of the items, (n, L). New items by day have labels alone, so those take as much as they can.
        forward: `map`. The others: as the fields.
        """
        heads, n, d = vectors.shape
        there = np.asarray(vectors.any(axis=(0, 2)))
        flat = vectors.transpose(1, 0, 2).reshape(n, heads * d)
        label = ridge(attributes[there], flat[there], RIDGE)
        own = np.where(there[:, None], flat - attributes @ label, 0.0).astype(np.float32)
        return cls(
            own.reshape(n, heads, d).transpose(1, 0, 2),
            label.reshape(len(label), heads, d).transpose(1, 0, 2),
            forward,
            mix_logits,
            alike,
        )

    @property
    def digest(self) -> str:
        """Eight characters that tell this start from any other."""
        return digest(self.own, self.label, self.map, self.mix_logits, np.asarray(self.alike))

    def of_items(self, chosen: NDArray[np.int64]) -> "PretrainedStart":
        """The start of some of the items."""
        return replace(self, own=self.own[:, chosen])

    def begin(self, model: BehaviourModel) -> None:
        """Give an untrained model of the same items and labels these numbers, in place."""
        with torch.no_grad():
            for name in ("own", "label", "map"):
                getattr(model, name).copy_(torch.from_numpy(np.ascontiguousarray(getattr(self, name))))
            if self.mix_logits.size:
                model.mix_logits.copy_(torch.from_numpy(self.mix_logits))

    def with_unseen(self, model: BehaviourModel, inputs: Inputs, seen: NDArray[np.int64]) -> BehaviourModel:
        """A model of all items, from one that was fitted to those with events; the others keep what they began with.

        inputs: of all items. seen: the numbers of those with events. The bias of the others is the mean.
        """
        every = BehaviourModel(torch.from_numpy(inputs.events.astype(np.float32)), inputs.attributes, model.settings)
        self.begin(every)
        unseen = np.setdiff1d(np.arange(len(inputs.rows)), seen)
        with torch.no_grad():
            for name in ("label", "map", "mix_logits", "repeat"):
                getattr(every, name).copy_(getattr(model, name))
            every.own[:, seen] = model.own.cpu()
            every.bias[:, seen] = model.bias.cpu()
            every.item_repeat[seen] = model.item_repeat.cpu()
            every.bias[:, unseen] = every.bias[:, seen].mean(1, keepdim=True) if len(seen) else 0.0
            every.item_repeat[unseen] = every.item_repeat[seen].median() if len(seen) else 0.0
        return every.eval()

    def write(self, folder: Path) -> None:
        """Write PRETRAINED."""
        np.savez(folder / PRETRAINED, **vars(self))

    @classmethod
    def read(cls, folder: Path) -> "PretrainedStart | None":
        """Read PRETRAINED; None where there is none."""
        if not (folder / PRETRAINED).exists():
            return None
        with np.load(folder / PRETRAINED) as data:
            arrays = dict(data)
            return cls(**{**arrays, "alike": float(arrays["alike"])})
