"""The transformer's vectors of texts, kept in a folder: a text is encoded once."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import EmbedConfig
from jobs.infra.logging import Progress
from jobs.models.content.text_encoder import identity, locate
from jobs.models.content.text_encoders import Encodes, encoder_of, text_computing_of

TEXTS = 4096
"""Texts that are encoded and written at once."""
Matrix = NDArray[np.float32]


class TextVectors:
    """Encodes texts, and remembers them in a folder by a hash of the text and of the model.

    Vectors are kept as float16, and are the same whether they are fresh or remembered. Raises ConfigError when the
    model cannot be loaded.
    """

    def __init__(self, folder: Path, settings: EmbedConfig | None = None):
        self.settings = settings or EmbedConfig()
        self.model = locate(self.settings.model, Path())
        self._known: dict[bytes, NDArray[np.float16]] = {}
        self._encoder: Encodes | None = None
        way = text_computing_of(self.settings.precision, "cpu")
        name = sha256(f"{identity(self.model)} {self.settings.max_tokens} {way}".encode()).hexdigest()[:16]
        self._folder = folder / f"vectors-{name}"
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.glob("*.npz")):
            with np.load(path) as part:
                self._known.update(zip((bytes(key) for key in part["key"]), part["vector"], strict=True))

    @property
    def encoder(self) -> Encodes:
        """The transformer, loaded when it is first needed."""
        if self._encoder is None:
            self._encoder = encoder_of(self.settings, self.model)
        return self._encoder

    def __call__(self, texts: Sequence[str]) -> Matrix:
        """The vectors of texts, float32 (n, d), of length 1; zeros for blank ones."""
        keys = [sha256(text.encode("utf-8", "replace")).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if missing:
            self._encode(missing)
        vectors = np.stack([self._known[key] for key in keys]).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)

    def _encode(self, missing: dict[bytes, str]) -> None:
        progress = Progress("evaluate-search", "texts", len(missing))
        keys = list(missing)
        for first in range(0, len(keys), TEXTS):
            some = keys[first : first + TEXTS]
            vectors = self.encoder.encode([missing[key] for key in some]).astype(np.float16)
            self._known.update(zip(some, vectors, strict=True))
            self._write(some, vectors)
            progress.at(first + len(some))

    def _write(self, keys: list[bytes], vectors: NDArray[np.float16]) -> None:
        """Under a name of its own, and in one step: an interrupted run leaves no half file."""
        name = sha256(b"".join(keys)).hexdigest()[:16]
        part = self._folder / f"{name}.part"
        with part.open("wb") as file:
            np.savez(file, key=np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1), vector=vectors)
        part.replace(self._folder / f"{name}.npz")
