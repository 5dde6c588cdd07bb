"""A text model of two layers with random weights, and a shop whose shoppers say other words than its titles."""

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

COLOURS = ("red", "blue", "green", "black", "white", "grey")
THINGS = {"sofa": "couch", "lamp": "light", "cup": "mug", "rug": "carpet"}
ITEMS = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]
MORE = ("nice", "cheap", "new")


def write_tiny_encoder(path: Path, seed: int = 1) -> Path:
    """Write a model that knows the words of the shop into a folder, which it returns."""
    path.mkdir(parents=True, exist_ok=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *COLOURS, *THINGS, *THINGS.values(), *MORE]
    (path / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(path / "vocab.txt"), model_max_length=32).save_pretrained(path)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(path)
    return path
