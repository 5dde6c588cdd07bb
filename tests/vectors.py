"""The folder of vectors of a run, written for tests: what a test does not name is filled."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from jobs.infra.vector_store import VECTOR_ARRAYS, VectorSpace, VectorStore, VectorWriter
from lookup.scoring.cold_start import ColdStartFact
from lookup.scoring.parts import BEHAVIOUR, LOOK, TEXT, Part, behaviour_and_text
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder

COLD_START = ColdStartFact(temperature=0.5, bias=-1.5, price_bounds=[4.0, 8.0])


def made_parameters(dimensions: int, look: int = 0) -> ScoreParameters:
    """One head, a text part, and perhaps a look; transitions count by the root of what a history weighs.

    look: how many of the dimensions are of pictures.
    """
    half, rest = (dimensions - 1) // 2, dimensions - 1 - (dimensions - 1) // 2
    pictures = (Part(LOOK, 1, weight=0.5),) if look else ()
    encoder = UserEncoder(
        half_lives=(7.0, float("inf")),
        mix=((0.5, 0.5), (0.25, 0.75), (0.5, 0.25))[: 2 + len(pictures)],
        widths=(half, rest - look, *([look] if look else [])),
        parts=(*behaviour_and_text(2, weight=0.25, cosine=0.5), *pictures),
    )
    return ScoreParameters(
        encoder,
        transition_mix=(0.5, 0.5),
        transition_power=0.5,
        repeat_mix=(0.5, 0.25),
        repeat_weight=0.5,
        kept_share=0.25,
        kept_next=0.5,
        repeat_power=0.25,
    )


def space_of(items: int, dimensions: int, parameters: ScoreParameters, **facts: Any) -> VectorSpace:
    """The space of some items. facts: of `VectorSpace`, by name."""
    known = {
        "space_id": "0123456789abcdef",
        "model": "m1",
        "text_model": "none",
        "look_model": None,
        "trained_until": date(2026, 2, 16),
        "cold_start": COLD_START,
    }
    return VectorSpace(score_parameters=parameters, items=items, dimensions=dimensions, **{**known, **facts})


def write_store(
    folder: Path,
    arrays: dict[str, np.ndarray],
    parameters: ScoreParameters,
    labels: list[str] | None = None,
    **facts: Any,
) -> VectorStore:
    """Write a complete folder. arrays: by name, `item_vector` or `item_input` among them; others are zeros, without any
    transition. labels: of the rows of the arrays of labels. facts: as in `space_of`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    items, dimensions = next(arrays[name] for name in ("item_vector", "item_input") if name in arrays).shape
    labels = ["price=0"] if labels is None else labels
    space = space_of(items, dimensions, parameters, **facts)
    width = parameters.encoder.width
    sizes = {"I": items, "D": dimensions, "L": len(labels)}
    sizes |= {"H": width(BEHAVIOUR), "T": width(TEXT), "W": width(LOOK)}
    sizes["X"] = len(arrays["look_basis"]) if "look_basis" in arrays else 0
    sizes["N"] = arrays["item_next_item"].shape[1] if "item_next_item" in arrays else 1
    sizes["Q"] = arrays["label_map"].shape[1] if "label_map" in arrays else sizes["H"]
    writer = VectorWriter(folder)
    for array in VECTOR_ARRAYS:
        filled = np.full([sizes[letter] for letter in array.shape], -(array.name == "item_next_item"), array.dtype)
        writer.write(array.name, arrays.get(array.name, filled))
    writer.labels(labels)
    writer.space(space)
    return VectorStore(folder)
