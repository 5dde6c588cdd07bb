"""The text encoder of a worker process of Spark: a worker outlives its tasks, and loads the model once."""

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from jobs.config.learning import EmbedConfig

if TYPE_CHECKING:
    from jobs.models.content.text_encoder import TextEncoder


@lru_cache(maxsize=1)
def worker_encoder(options: EmbedConfig, model: str, device: str, threads: int) -> "TextEncoder":
    """The encoder of this process. The next task may bring another device. model: what `TextEncoder` loads."""
    import torch

    from jobs.models.content.text_encoder import TextEncoder

    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # other tasks have the other cores
    torch.set_num_threads(threads)
    return TextEncoder(
        model,
        max_tokens=options.max_tokens,
        batch_tokens=options.batch_tokens,
        precision=options.precision,
        pickles=options.pickles,
        device=device,
    )
