"""A model that is known well enough to be computed in another way than torch does, and the check of that way."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jobs.models.content.bert import reference
from jobs.models.content.bert.tokens import tokenizer_of
from jobs.models.content.bert.weights import Matrix, TransformerWeights, read
from jobs.models.content.pooling import POOLING, pools_first_token

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", POOLING)
"""What is read of a model."""
PROBES = (
    "milk",
    "Bananas",
    "SOFT DRINKS 12/18&15PK CAN CAR",
    "FLUID MILK WHITE ONLY, private label, GROCERY, 1 GA",
    "Cordless drill 18 V with two batteries, charger and case",
    "Women's running shoes, size 38, blue / white",
    "USB-C to HDMI adapter, 4K @ 60 Hz, 20 cm",
    "refrigerator parts",
    "Shampoo for dry hair 250ml (pack of 3)",
    'Notebook 15.6" i7-1165G7, 16 GB RAM, 512 GB SSD, Windows 11 Pro',
    "Dog food with chicken and rice, adult, 12.5 kg",
    "wood screw 4x40 mm zinc plated 200 pieces",
    "The Complete Poems (Paperback)",
    "Kinderfahrrad 16 Zoll mit Stützrädern, rot",
    "Crème hydratante visage peaux sensibles 50 ml",
    "Кофе молотый, 250",
    "电饭煲 5升",
    "xk-9920/b",
    "Building blocks castle set with knights, horses and a drawbridge, 1,024 pieces, for children of 8 years and "
    "older. All pieces fit those of other makers. The box has a handle, and a booklet with 60 steps is in it.",
)
"""Texts by which it is seen whether a model may be computed in a coarser way."""


class KnownModel(NamedTuple):
    """What is computed, and of what."""

    weights: TransformerWeights
    tokenizer: "Tokenizer"
    """Cuts longer texts."""
    first_token: bool
    """Whether the vector of a text is that of its first token; otherwise it is the mean of all."""

    @classmethod
    def of(cls, model: str, max_tokens: int) -> "KnownModel | None":
        """The model that `TextEncoder` takes; None where it is of another kind.

        Raises ConfigError where the model pools tokens in another way than `TextEncoder` does.
        """
        folder = _folder(model)
        weights = None if folder is None else read(folder)
        if folder is None or weights is None:
            return None
        tokenizer = tokenizer_of(folder, min(max_tokens, weights.longest))
        if tokenizer is None:
            return None
        pooling = folder / POOLING
        said = json.loads(pooling.read_text()) if pooling.exists() else {}
        return cls(weights, tokenizer, pools_first_token(said, model))

    def least_cosine(self, vectors: Callable[[Sequence[Sequence[int]]], Matrix]) -> float:
        """The least cosine of a way to compute vectors of tokens to float32, over PROBES; NaN where it makes one."""
        texts = [one.ids for one in self.tokenizer.encode_batch(list(PROBES))]
        right = reference.vectors(self.weights, texts, self.first_token)
        return float((vectors(texts) * right).sum(axis=1).min())


def _folder(model: str) -> Path | None:
    """The folder of a model; of one on the hub that of its files here."""
    if Path(model).is_dir():
        return Path(model)
    from transformers.utils import cached_file

    quiet = {f"_raise_exceptions_for_{what}": False for what in ("missing_entries", "connection_errors", "gated_repo")}
    try:
        found = [cached_file(model, name, **quiet) for name in FILES]
    except (OSError, ValueError):  # what loads it in the other way says what is wrong
        return None
    return Path(found[0]).parent if found[0] else None
