"""The text encoder of a worker process of Spark: a worker outlives its tasks, and loads the model once."""

import os
from functools import lru_cache

from jobs.config.learning import EmbedConfig
from jobs.models.content.text_encoders import Encodes, encoder_of


@lru_cache(maxsize=1)
def worker_encoder(options: EmbedConfig, model: str, device: str, threads: int) -> Encodes:
    """The encoder of this process. The next task may bring another device. model: what `TextEncoder` loads."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # other tasks have the other cores
    return encoder_of(options, model, device, threads)
