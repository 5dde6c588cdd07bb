"""Vectors of pictures: by the packaged EfficientNet-lite0, or by a vision model of Hugging Face, CLIP-like ones too."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.errors import ConfigError
from jobs.models.content.lite import Lite
from jobs.models.content.text_encoder import loading, locate
from jobs.models.device import native_bfloat16

KEY = "images.model"


class _Network(Protocol):
    side: int
    """Pixels of the side of what the network reads, about."""

    def pixels(self, pictures: Sequence[Any]) -> torch.Tensor:
        """Pictures as the network reads them."""

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Their vectors, float32 (n, d)."""


class PictureEncoder:
    """A vision model on one device.

    model: as `located` returns. batch: how many pictures it reads at the same time. precision: "auto" (bfloat16 where
    native), "float32" or "bfloat16". device: a torch device. pickles: take weights from a pickle where the model has no
    safetensors; loading a pickle may run its code. Code that a model brings along is never run.

    Raises ConfigError, naming the model, when it cannot be loaded.
    """

    def __init__(
        self, model: str, *, batch: int = 32, precision: str = "auto", device: str = "cpu", pickles: bool = False
    ):
        self.device = torch.device(device)
        half = precision == "bfloat16" or (precision == "auto" and native_bfloat16(self.device))
        self.dtype = torch.bfloat16 if half else torch.float32
        packaged = Lite.weights(Path(model))
        self.network: _Network = (
            Lite(packaged, self.device) if packaged else _HuggingFace(model, self.device, self.dtype, pickles)
        )
        self.batch = batch

    @property
    def side(self) -> int:
        """The side of what the model reads, in pixels: larger pictures may be made smaller before."""
        return self.network.side

    def encode(self, pictures: Sequence[Any]) -> NDArray[np.float32]:
        """Return the vectors of pictures (`PIL.Image`, RGB), float32, shape (n, dimensions), of length 1."""
        found = [self._unit(self.network.features(self.network.pixels(part))) for part in self._batches(pictures)]
        return np.concatenate(found) if found else np.zeros((0, 1), dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts among those of pictures, float32, shape (n, dimensions), of length 1.

        Raises ConfigError where the model cannot read texts.
        """
        if not isinstance(self.network, _HuggingFace):
            raise ConfigError(f"{KEY}: the packaged model reads pictures alone; name one like CLIP to ask with words")
        return np.concatenate([self._unit(self.network.texts(part)) for part in self._batches(texts)])

    def _batches(self, values: Sequence[Any]) -> Iterator[Sequence[Any]]:
        for start in range(0, len(values), self.batch):
            yield values[start : start + self.batch]

    @staticmethod
    def _unit(vectors: torch.Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = torch.nn.functional.normalize(vectors.float(), dim=1).cpu().numpy()
        return found


class _HuggingFace:
    """A model of transformers. Its own image processor prepares the pictures, by Pillow."""

    def __init__(self, model: str, device: torch.device, dtype: torch.dtype, pickles: bool):
        from transformers import AutoImageProcessor, AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.name, self.device, self.dtype = model, device, dtype
        with loading(model, KEY):
            self.processor = AutoImageProcessor.from_pretrained(model, backend="pil", trust_remote_code=False)
            self.model = AutoModel.from_pretrained(
                model, dtype=dtype, trust_remote_code=False, use_safetensors=None if pickles else True
            )
        self.model.eval().to(device)
        sizes = getattr(self.processor, "size", None) or {}
        self.side = max((int(size) for size in dict(sizes).values() if isinstance(size, int)), default=224)

    def pixels(self, pictures: Sequence[Any]) -> torch.Tensor:
        """See `_Network`."""
        found: torch.Tensor = self.processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        return found.to(self.device, self.dtype)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """The pooled vectors: of a model like CLIP those that meet texts, else the model's own pooling, or its first
        token, or the mean of its last map.
        """
        read = getattr(self.model, "get_image_features", self.model)
        with torch.inference_mode():
            return _pooled(read(pixel_values=pixels))

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """The vectors of texts, (n, d). Raises ConfigError where the model has none."""
        if not hasattr(self.model, "get_text_features"):
            raise ConfigError(f"{self.name}: reads pictures alone; {KEY} must be one like CLIP to ask with words")
        from transformers import AutoTokenizer

        with loading(self.name, KEY):
            tokenizer = AutoTokenizer.from_pretrained(self.name, trust_remote_code=False)
        longest = min(tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings)
        found = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            return _pooled(self.model.get_text_features(**found.to(self.device)))


def _pooled(found: Any) -> torch.Tensor:
    if isinstance(found, torch.Tensor):
        return found.flatten(1)
    pooled = getattr(found, "pooler_output", None)
    if pooled is not None:
        return pooled.flatten(1)
    states: torch.Tensor = found.last_hidden_state
    return states.mean((2, 3)) if states.ndim == 4 else states[:, 0]


def located(model: str, base: Path) -> str:
    """Return what must be loaded for `images.model`, as `jobs.models.content.text_encoder.locate` does.

    Raises ConfigError where a folder or package does not exist.
    """
    return locate(model, base, KEY)
