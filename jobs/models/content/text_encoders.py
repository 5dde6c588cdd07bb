"""Which encoder makes the vectors of texts: a quick one where that is as good and runs here, by torch elsewhere.

The quick ones: on a CPU in int8, on a GPU without padding.
"""

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobs.config.learning import EmbedConfig


class Encodes(Protocol):
    """What makes vectors of texts."""

    dimensions: int
    computing: str
    """The precision of its products."""

    def encode(self, texts: "Sequence[str | None]") -> NDArray[np.float32]:
        """The vectors of texts, float32 (n, dimensions), of length 1; zeros for None and blank texts."""
        ...


def encoder_of(options: "EmbedConfig", model: str, device: str = "cpu", threads: int | None = None) -> Encodes:
    """The encoder of a text model: an `Int8TextEncoder`, a `PackedTextEncoder` or a `TextEncoder`.

    model: what `TextEncoder` loads. threads: of this process, that compute on a CPU; None: as many as torch has.

    Raises ConfigError, naming the model, when it cannot be loaded.
    """
    if _may_be_int8(options.precision, device):
        from jobs.models.content.int8.encoder import Int8TextEncoder

        found = Int8TextEncoder.of(model, max_tokens=options.max_tokens, threads=threads)
        if found is not None:
            return found
    if _may_be_packed(options.precision, device):
        from jobs.models.content.device.encoder import PackedTextEncoder

        packed = PackedTextEncoder.of(model, max_tokens=options.max_tokens, device=device, threads=threads)
        if packed is not None:
            return packed
    import torch

    from jobs.models.content.text_encoder import TextEncoder

    if threads is not None:
        torch.set_num_threads(threads)
    return TextEncoder(
        model,
        max_tokens=options.max_tokens,
        batch_tokens=options.batch_tokens,
        precision=options.precision,
        pickles=options.pickles,
        device=device,
    )


def text_computing_of(precision: str, device: str) -> str:
    """As `computing_of`, of what `encoder_of` returns. Whether that is as good depends on the model's files alone."""
    from jobs.models.content.fingerprint import computing_of

    otherwise = computing_of(precision, device)
    if _may_be_int8(precision, device):
        from jobs.models.content.int8.model import VERSION as INT8

        return f"cpu int8 {INT8}, or else {otherwise}"
    if _may_be_packed(precision, device):
        from jobs.models.content.device.model import VERSION as PACKED

        return f"cuda packed {PACKED}, or else {otherwise}"
    return otherwise


def _may_be_int8(precision: str, device: str) -> bool:
    from jobs.models.content.int8.model import runs

    return precision == "auto" and device.partition(":")[0] == "cpu" and runs()


def _may_be_packed(precision: str, device: str) -> bool:
    if precision != "auto" or device.partition(":")[0] != "cuda":
        return False
    from jobs.models.content.device.model import runs

    return runs(device)
