"""Fitting a pretrained model to the users of one shop or several."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.fit import fit
from jobs.models.behaviour.model_store import Inputs
from jobs.models.pretrained.network import TextNetwork
from jobs.models.pretrained.store import Pretrained
from jobs.models.pretrained.texts import whitened

EPOCHS = 3
LEARNING_RATE = 1e-4
"""At 1e-3 the map of one shop is worse in another: its vectors alone reach NDCG@10 .030 there, at 1e-4 .039."""


class TaughtItems(NamedTuple):
    """What is learned from in a shop, beside its sequences."""

    events: NDArray[np.int64]
    """Of each of its items, (n,)."""
    texts: NDArray[np.float32]
    """The text vectors of its items, (n, T); zeros for an item without one."""


def pretrain(
    files: list[Path],
    shops: Sequence[TaughtItems],
    settings: TrainConfig,
    *,
    text_model: str,
    max_tokens: int,
    device: str,
) -> Pretrained:
    """Fit a model of the items of all shops, which it counts through, and return what can go to another.

    files: of table `sequences`; items by that count. settings: those of the shops that will begin with it, but for
    EPOCHS and LEARNING_RATE. text_model, max_tokens: of the text vectors.
    """
    import scipy.sparse as sp

    events = np.concatenate([shop.events for shop in shops])
    seen = np.flatnonzero(events)
    texts = np.concatenate([whitened(shop.texts) for shop in shops])[seen]
    gentle = replace(settings, epochs=EPOCHS, learning_rate=LEARNING_RATE, processes=1)
    network = TextNetwork(torch.from_numpy(events[seen].astype(np.float32)), torch.from_numpy(texts), gentle)
    inputs = Inputs(seen, events[seen], sp.csr_array((len(seen), 0), dtype=np.float32))
    torch.manual_seed(settings.seed)
    model, _ = fit(files, inputs, gentle, device, untrained=network)
    arrays = {name: one.detach().numpy() for name, one in model.named_parameters()}
    return Pretrained(
        projection=arrays["projection"],
        map=arrays["map"],
        mix_logits=arrays["mix_logits"],
        half_lives=tuple(settings.half_lives),
        text_model=text_model,
        max_tokens=max_tokens,
    )
