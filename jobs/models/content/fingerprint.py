"""What makes the vectors of an encoder what they are: vectors of two encoders are never taken for each other."""

import uuid
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from jobs.models.content.text_encoder import identity, is_unknown

if TYPE_CHECKING:
    from jobs.config.learning import EmbedConfig, ImagesConfig

VERSION = 1
"""Of `TextEncoder` and `PictureEncoder`. A change that moves vectors by more than rounding raises it."""
LIBRARIES = ("torch", "transformers", "tokenizers", "pillow")
TEXTS, QUERIES, LOOKS = "texts", "queries", "looks"
"""Kinds of kept vectors. Queries change more than the items' texts, so they are kept and dropped apart."""


def text_facts(options: "EmbedConfig", model: str, computing: str) -> dict[str, Any]:
    """The facts of a text encoder. model: what `TextEncoder` loads. computing: as `computing_of` says."""
    return {**_facts(model, "embed.model", options.pickles), "max_tokens": options.max_tokens, "computing": computing}


def look_facts(options: "ImagesConfig", model: str, computing: str) -> dict[str, Any]:
    """The facts of a picture encoder, likewise. Pictures with more pixels have no vector but a reason."""
    return {**_facts(model, "images.model", options.pickles), "max_pixels": options.max_pixels, "computing": computing}


def _facts(model: str, key: str, pickles: bool) -> dict[str, Any]:
    name = identity(model, key)
    if is_unknown(name):  # what it made cannot be told from what another made
        name = f"{name} {uuid.uuid4().hex}"
    return {"model": name, "pickles": pickles, "version": VERSION, **{name: _version(name) for name in LIBRARIES}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def computing_of(precision: str, device: str) -> str:
    """The kind of device and the precision with which an encoder computes on it, such as "cpu bfloat16"."""
    import torch

    from jobs.models.device import native_bfloat16

    kind = torch.device(device)
    half = precision == "bfloat16" or (precision == "auto" and native_bfloat16(kind))
    return f"{kind.type} {'bfloat16' if half else 'float32'}"
