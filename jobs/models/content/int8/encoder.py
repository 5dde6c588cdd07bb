"""Texts to vectors in int8, on several threads. A text is never padded, and none waits for a longer one."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.infra.machine.cores import usable_cores
from jobs.models.content.int8 import reference
from jobs.models.content.int8.model import Int8Transformer, runs
from jobs.models.content.int8.tokens import tokenizer_of
from jobs.models.content.int8.weights import read
from jobs.models.content.pooling import POOLING, pools_first_token

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LEAST_COSINE = 0.9992
"""To float32, of each of PROBES; a model that int8 moves further is not computed so."""
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", POOLING)
"""What is read of a model."""
CHUNK = 128
"""Texts that a thread takes at a time."""
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
"""Texts by which it is seen whether a model may be computed in int8."""


class Int8TextEncoder:
    """A text model whose products are in int8. Any number of threads may use it."""

    computing = "int8"

    def __init__(self, model: Int8Transformer, tokenizer: "Tokenizer", threads: int | None = None):
        """threads: that compute; None: as many as torch has, where that was imported, or as there are processors."""
        self.model, self.tokenizer, self.threads = model, tokenizer, threads
        self.dimensions = model.width

    @classmethod
    def of(cls, model: str, *, max_tokens: int, threads: int | None) -> "Int8TextEncoder | None":
        """The encoder of a model that `TextEncoder` takes; None where it cannot be, or where a cosine is too low.

        So the same files are computed in the same way everywhere where the kernel runs. Raises ConfigError where the
        model pools tokens in another way than `TextEncoder` does.
        """
        folder = _folder(model) if runs() else None
        weights = None if folder is None else read(folder)
        if folder is None or weights is None:
            return None
        tokenizer = tokenizer_of(folder, min(max_tokens, weights.longest))
        if tokenizer is None:
            return None
        pooling = folder / POOLING
        first_token = pools_first_token(json.loads(pooling.read_text()) if pooling.exists() else {}, model)
        texts = [one.ids for one in tokenizer.encode_batch(list(PROBES))]
        made = cls(Int8Transformer(weights, first_token), tokenizer, threads)
        cosines = (made.model.vectors(texts) * reference.vectors(weights, texts, first_token)).sum(axis=1)
        return made if cosines.min() >= LEAST_COSINE else None

    def encode(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Return the vectors of texts, float32, shape (n, dimensions), of length 1; zeros for None and blank texts.

        The vector of a text has the same bits whatever other texts there are. Raises DataError where the model gives
        something else than numbers.
        """
        different = {text: 0 for text in texts if text and text.strip()}
        several = list(different)
        different.update(zip(several, range(len(several)), strict=True))
        vectors = np.empty((len(several) + 1, self.dimensions), dtype=np.float32)
        vectors[-1] = 0.0

        def fill(first: int) -> None:
            some = several[first : first + CHUNK]
            found = self.tokenizer.encode_batch(some) if len(some) > 1 else [self.tokenizer.encode(some[0])]
            vectors[first : first + len(some)] = self.model.vectors([one.ids for one in found])

        chunks = range(0, len(several), CHUNK)
        if len(chunks) > 1:
            with ThreadPoolExecutor(min(self.threads or _threads(), len(chunks))) as pool:
                for _ in pool.map(fill, chunks):
                    pass  # an error in a chunk is raised here
        elif chunks:
            fill(0)
        if not np.isfinite(vectors).all():
            wrong = several[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
            raise DataError(f'the text model makes no numbers of {wrong!r} in int8: set embed.precision = "float32"')
        return vectors[[different.get(text, -1) if text else -1 for text in texts]]


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


def _threads() -> int:
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else max(1, int(usable_cores()))
