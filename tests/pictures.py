"""Made pictures and a made vision model, for tests."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def picture(colour: tuple[int, ...], size: tuple[int, int] = (12, 16), kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture of one colour; of four numbers the last is how opaque it is."""
    mode = "RGBA" if len(colour) == 4 else "RGB"
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **options)
    return file.getvalue()


def clip_model(folder: Path) -> Path:
    """Write a tiny CLIP with random numbers, its image processor and its tokenizer; returns the folder."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig, PreTrainedTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"[PAD]": 0, "[UNK]": 1, "red": 2, "blue": 3, "</s>": 4}
    ends = {"eos_token_id": 4, "pad_token_id": 0, "bos_token_id": 1}
    text = CLIPTextConfig(vocab_size=5, max_position_embeddings=8, **ends, **small)
    vision = CLIPVisionConfig(image_size=16, patch_size=8, **small)
    torch.manual_seed(3)
    model = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=6))
    model.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", eos_token="</s>")
    fast.save_pretrained(folder)
    return folder


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
