"""A pretrained model on disk: one file of safetensors, which is numbers and a header of JSON, and runs no code.

The header's entry FACTS tells the version of the format, the text model, what was learned from, and the sha256 of the
numbers. Nothing in the file names an item, a user or a text.
"""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import ConfigError
from jobs.infra.storage.disk import whole_file
from jobs.models.behaviour.pretrained_start import PretrainedStart
from jobs.models.pretrained.texts import whitened

if TYPE_CHECKING:
    import scipy.sparse as sp

    from jobs.config.learning import TrainConfig

VERSION = 1
FACTS = "daybreak"
MOST_BYTES = 256 * 2**20
"""Of a file that is read."""
MOST_SOURCES = 1000
TENSORS = {"projection": 3, "map": 3, "mix_logits": 2}
"""The arrays of a file, and how many axes each has."""
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class LearnedFrom:
    """A shop that was learned from, in counts."""

    users: int
    items: int
    events: int


@dataclass(frozen=True)
class Pretrained:
    """What the behaviour of shops says of texts."""

    projection: Matrix
    """From the text vectors of a shop, as `jobs.models.pretrained.texts.whitened` makes them comparable, to the vectors
    of items: (heads, T, d)."""
    map: Matrix
    """As in `jobs.models.behaviour.network`, (heads, d, d)."""
    mix_logits: Matrix
    """As there, (heads, H)."""
    half_lives: tuple[float, ...]
    """The H half-lives that the mix is of."""
    text_model: str
    """As `jobs.models.content.text_encoder.identity` tells it."""
    max_tokens: int
    """Longer texts were cut."""
    alike: float = 0.0
    """`train.follow_alike` of a shop without histories: how much likeness counts beside it."""
    sources: tuple[LearnedFrom, ...] = field(default=())

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits that tell this model from any other."""
        return self._digest()[:16]

    def vectors(self, texts: Matrix) -> Matrix:
        """The vectors of a shop's items, (heads, n, d), from their text vectors, (n, T); zeros without a text."""
        return np.asarray(whitened(texts) @ self.projection, dtype=np.float32)

    def start(self, texts: Matrix, attributes: "sp.csr_array", settings: "TrainConfig") -> PretrainedStart:
        """What a shop's model begins with. texts: (n, T). attributes: of the same items, (n, L).

        Where the shop has other half-lives, it learns their mix anew.
        """
        same = self.half_lives == tuple(settings.half_lives)
        mix = self.mix_logits if same else np.zeros((0, 0), dtype=np.float32)
        return PretrainedStart.of(self.vectors(texts), attributes, self.map, mix, self.alike)

    def check(self, settings: "TrainConfig", text_model: str, max_tokens: int) -> None:
        """Raise ConfigError where a shop cannot begin with this: its vectors have another shape, or its texts are read
        by another model than those that this one learned from.
        """
        heads, _, d = self.projection.shape
        if (heads, d) != (settings.heads, settings.dimensions):
            raise ConfigError(
                f"train.from: the pretrained model has heads = {heads} and dimensions = {d}, [train] has "
                f"{settings.heads} and {settings.dimensions}: set them alike, or pretrain with this preset"
            )
        if self.text_model != text_model:
            raise ConfigError(
                f"train.from: the pretrained model reads the vectors of the text model {self.text_model:.16}, and "
                f"embed.model is {text_model:.16}: use the same text model, or pretrain with this one"
            )
        if self.max_tokens != max_tokens:
            raise ConfigError(
                f"train.from: the pretrained model has embed.max_tokens = {self.max_tokens}, not {max_tokens}: "
                "set them alike"
            )

    def _arrays(self) -> dict[str, Matrix]:
        return {name: np.ascontiguousarray(getattr(self, name), dtype=np.float32) for name in TENSORS}

    def _digest(self) -> str:
        found = hashlib.sha256()
        for name, array in self._arrays().items():
            found.update(f"{name} {array.shape}".encode() + array.tobytes())
        return found.hexdigest()

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        from safetensors.numpy import save

        facts = {
            "version": VERSION,
            "half_lives": self.half_lives,
            "text_model": self.text_model,
            "max_tokens": self.max_tokens,
            "alike": self.alike,
            "sources": [asdict(source) for source in self.sources],
            "sha256": self._digest(),
        }
        with whole_file(path) as file:
            file.write(save(self._arrays(), {FACTS: json.dumps(facts, sort_keys=True)}))

    @classmethod
    def read(cls, path: Path) -> "Pretrained":
        """Read a file. Raises ConfigError, which names it, where it is damaged, too large or of another version."""
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            raise ConfigError(f"{path}: there is no such file; `daybreak pretrain SHOP --out FILE` writes one")
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(
                f"{path}: {path.stat().st_size:,} bytes are no pretrained model; those have {MOST_BYTES:,} at most"
            )
        try:
            with safe_open(path, "numpy") as file:
                facts = _facts((file.metadata() or {})[FACTS])
                arrays = {name: _array(file.get_tensor(name), axes) for name, axes in TENSORS.items()}
            made = cls(
                **arrays,
                half_lives=tuple(float(half_life) for half_life in facts["half_lives"]),
                text_model=str(facts["text_model"]),
                max_tokens=int(facts["max_tokens"]),
                alike=float(facts["alike"]),
                sources=tuple(LearnedFrom(**source) for source in facts["sources"][:MOST_SOURCES]),
            )
            made._check(facts["sha256"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            why = str(error).partition("\n")[0]
            raise ConfigError(
                f"{path}: not a pretrained model of Daybreak, or damaged: copy it again, or make it anew with "
                f"`daybreak pretrain` ({type(error).__name__}: {why:.200})"
            ) from None
        return made

    def _check(self, digest: str) -> None:
        heads, texts, d = self.projection.shape
        if self.map.shape != (heads, d, d) or self.mix_logits.shape != (heads, len(self.half_lives)):
            raise ValueError("arrays of shapes that do not fit together")
        if not (heads and texts and d and all(np.isfinite(array).all() for array in self._arrays().values())):
            raise ValueError("numbers that are none")
        if not (math.isfinite(self.alike) and self.alike >= 0 and self.max_tokens > 0):
            raise ValueError("facts out of range")
        if self._digest() != digest:
            raise ValueError("the sha256 of its numbers is another")


def _facts(text: str) -> dict[str, Any]:
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError("no facts")
    if facts.get("version") != VERSION:
        raise ValueError(f"format version {facts.get('version')!r}; this Daybreak reads {VERSION}")
    if not re.fullmatch(r"[0-9a-f]{64}", str(facts["sha256"])):
        raise ValueError("no sha256")
    return facts


def _array(array: NDArray[Any], axes: int) -> Matrix:
    if array.ndim != axes or array.dtype != np.float32:
        raise ValueError(f"an array of {array.ndim} axes of {array.dtype}")
    return array
