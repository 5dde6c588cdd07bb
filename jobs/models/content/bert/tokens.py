"""The tokens of texts, as the tokenizer of `transformers` makes them; for models like BERT without importing it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NORMALIZER = {"lowercase": "do_lower_case", "strip_accents": "strip_accents"}
NORMALIZER |= {"handle_chinese_chars": "tokenize_chinese_chars"}
"""Settings of `tokenizer.json`, and what `tokenizer_config.json`, which counts where they differ, calls them."""
USUAL = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}


def tokenizer_of(folder: Path, max_tokens: int) -> "Tokenizer | None":
    """The tokenizer in the folder of a model, which cuts longer texts; None where it is none of `tokenizers`."""
    found = _word_pieces(folder) or _other(folder)
    if found is None:
        return None
    tokenizer, longest = found
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(max_tokens, longest))
    return tokenizer


def _word_pieces(folder: Path) -> "tuple[Tokenizer, int] | None":
    """The tokenizer of a model like BERT, and the most tokens that it makes; None for another one."""
    from tokenizers import Tokenizer

    try:
        config = json.loads((folder / "tokenizer_config.json").read_text())
        text = (folder / "tokenizer.json").read_text()
        said: dict[str, Any] = json.loads(text)
        usual = config.get("tokenizer_class") in ("BertTokenizer", "BertTokenizerFast")
        normalizer = said["normalizer"]
        same = all(config.get(own, USUAL[own]) == normalizer[name] for name, own in NORMALIZER.items())
        pieces = normalizer["type"] == "BertNormalizer" and normalizer["clean_text"]
        pieces = pieces and said["model"]["type"] == "WordPiece" and said["pre_tokenizer"]["type"] == "BertPreTokenizer"
        if not (usual and same and pieces) or (folder / "added_tokens.json").exists():
            return None
        return Tokenizer.from_str(text), int(config["model_max_length"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _other(folder: Path) -> "tuple[Tokenizer, int] | None":
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError):  # what loads the model in the other way says what is wrong
        return None
    backend = getattr(found, "backend_tokenizer", None)
    return None if backend is None else (backend, int(found.model_max_length))
