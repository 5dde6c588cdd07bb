"""Text vectors by a transformer, equal to those of sentence-transformers but faster.

Texts are sorted by length, so little is padded. Batches are sized by tokens, not by texts. Products are in bfloat16
where the processor has it.
"""

import hashlib
import json
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from jobs.errors import ConfigError, DataError
from jobs.infra.files import resolve
from jobs.models.content.pooling import POOLING, pools_first_token
from jobs.models.device import native_bfloat16

FINGERPRINTED = (".json", ".safetensors", ".bin", ".txt", ".model", ".pth")
"""Suffixes of the files that make a model what it is."""
KINDS = {"embed": ("text", "tokenizer"), "images": ("vision", "preprocessor_config.json")}
"""What the model of a section of the configuration is, and what its folder holds beside weights."""


class TextEncoder:
    """A text model of Hugging Face with its tokenizer, on one device.

    model: an id on the hub, or a folder. max_tokens: longer texts are cut. batch_tokens: a batch holds at most this
    many tokens, padding included. precision: "auto" (bfloat16 where native), "float32" or "bfloat16". device: a torch
    device. pickles: take weights from a pickle where the model has no safetensors; loading a pickle may run its code.

    Code that a model brings along is never run.

    The vector of a text is the mean of its token vectors, or what `1_Pooling/config.json` in the model says (mean or
    first token), L2-normalised.

    Raises ConfigError, naming the model, when it cannot be loaded or pools in another way.
    """

    def __init__(
        self,
        model: str,
        *,
        max_tokens: int = 128,
        batch_tokens: int = 2048,
        precision: str = "auto",
        device: str = "cpu",
        pickles: bool = False,
    ):
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.device = torch.device(device)
        half = precision == "bfloat16" or (precision == "auto" and native_bfloat16(self.device))
        self.dtype = torch.bfloat16 if half else torch.float32
        self.computing = str(self.dtype).removeprefix("torch.")
        self.first_token = _pools_first_token(model)
        with loading(model):
            self.tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
            # For texts as short as those of a shop, plain attention is a quarter quicker on a CPU than the fused one.
            attention = "eager" if self.device.type == "cpu" else None
            self.model = AutoModel.from_pretrained(
                model,
                dtype=self.dtype,
                attn_implementation=attention,
                trust_remote_code=False,
                use_safetensors=None if pickles else True,
            )
            self.model.eval().to(self.device)
        self.dimensions = int(self.model.config.hidden_size)
        self.max_tokens = min(max_tokens, self.tokenizer.model_max_length)
        self.batch_tokens = batch_tokens

    def encode(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Return the vectors of texts, float32, shape (n, dimensions), of length 1; zeros for None and blank texts.

        Raises DataError where the model gives something else than numbers, as in a precision that it cannot do with.
        """
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        filled = [n for n, text in enumerate(texts) if text and text.strip()]
        if not filled:
            return vectors
        found = self.tokenizer([texts[n] for n in filled], truncation=True, max_length=self.max_tokens)["input_ids"]
        lengths = np.array([len(tokens) for tokens in found])
        with torch.inference_mode():
            for batch in _batches(lengths, self.batch_tokens):
                pooled = self._pooled([found[n] for n in batch], lengths[batch])
                vectors[[filled[n] for n in batch]] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        if not np.isfinite(vectors).all():
            wrong = texts[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
            raise DataError(f"the text model makes no numbers of {wrong!r} in {self.dtype}: set embed.precision")
        return vectors

    def vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the vectors of the texts of one batch as a tensor that gradients flow through, (n, dimensions)."""
        found = self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"]
        return torch.nn.functional.normalize(self._pooled(found, np.array([len(one) for one in found])), dim=1)

    def save(self, folder: Path) -> None:
        """Write the model with its tokenizer and pooling to a folder, from which an encoder like this one loads it."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        pooling = folder / POOLING
        pooling.parent.mkdir(exist_ok=True)
        modes = {"pooling_mode_cls_token": self.first_token, "pooling_mode_mean_tokens": not self.first_token}
        pooling.write_text(json.dumps(modes))

    def _pooled(self, texts: list[list[int]], lengths: NDArray[np.int64]) -> torch.Tensor:
        mask = np.arange(lengths.max()) < lengths[:, None]
        tokens = np.full(mask.shape, self.tokenizer.pad_token_id or 0, dtype=np.int64)
        tokens[mask] = np.concatenate(texts)
        on_device = torch.from_numpy(mask).to(self.device)
        states = self.model(
            input_ids=torch.from_numpy(tokens).to(self.device), attention_mask=on_device.to(torch.int64)
        ).last_hidden_state.float()
        if self.first_token:
            return states[:, 0]
        summed: torch.Tensor = (states * on_device[:, :, None]).sum(1)
        return summed / on_device.sum(1, keepdim=True)


def dimensions(model: str) -> int:
    """Return the dimensions of the vectors of a text model, without loading it.

    Raises ConfigError, naming the model, when it cannot be read.
    """
    from transformers import AutoConfig

    with loading(model):
        return int(AutoConfig.from_pretrained(model, trust_remote_code=False).hidden_size)


def tokenizer_of(model: str) -> Any:
    """The tokenizer of a text model, without loading the model. Raises ConfigError, naming the model."""
    from transformers import AutoTokenizer

    with loading(model):
        return AutoTokenizer.from_pretrained(model, trust_remote_code=False)


def identity(model: str, key: str = "embed.model") -> str:
    """Return what tells one model from another: a hash of the files of a folder, or hub id and revision.

    key: of the configuration, for the message of the ConfigError where the model cannot be read.
    """
    folder = Path(model)
    if not folder.is_dir():
        from transformers import AutoConfig

        with loading(model, key):
            return f"{model}@{AutoConfig.from_pretrained(model, trust_remote_code=False)._commit_hash}"
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in FINGERPRINTED):
        found = path.stat()
        own = _digest(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        digest.update(path.relative_to(folder).as_posix().encode() + own)
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _digest(path: Path, *_state: int) -> bytes:
    """The sha256 of a file. A file that is written gets another state, and is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def is_unknown(name: str) -> bool:
    """Whether an `identity` may be that of several models: one of the hub whose revision nobody knows."""
    return name.endswith("@None")


@contextmanager
def loading(model: str, key: str = "embed.model") -> Iterator[None]:
    """Turn what a model cannot be loaded for into a ConfigError that names the model and the key."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, SafetensorError, pickle.UnpicklingError) as error:
        section = key.partition(".")[0]
        kind, beside = KINDS[section]
        raise ConfigError(
            f"{model}: not a {kind} model that transformers can load; {key} must be a Hugging Face id, or a folder "
            f"with config.json, {beside} and weights. Weights are model.safetensors, or a pickle where "
            f"{section}.pickles = true allows it; code that a model brings along never runs: {error}"
        ) from error


def _batches(lengths: NDArray[np.int64], batch_tokens: int) -> Iterator[NDArray[np.int64]]:
    """Yield the places of texts in batches of similar length, the longest first, so memory does not grow later on."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, batch_tokens // int(lengths[order[start]]))
        yield order[start:stop]
        start = stop


def _pools_first_token(model: str) -> bool:
    """As `pools_first_token` says, of a folder or a model on the hub."""
    from transformers.utils import cached_file

    file = cached_file(
        model,
        POOLING,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return pools_first_token(json.loads(Path(file).read_text()) if file else {}, model)


def locate(model: str, base: Path, key: str = "embed.model") -> str:
    """Return what `transformers` must load for a key of the configuration: a folder that exists, or an id on the hub.

    Raises ConfigError when the value names a folder that does not exist.
    """
    path = resolve(model, base)
    if path.exists():
        return str(path)
    if model.startswith(("package://", "/", "./", "../", "~")) or model.count("/") > 1:
        raise ConfigError(f"{key} = {model!r}: there is no folder {path}; name a folder or a Hugging Face id")
    return model
