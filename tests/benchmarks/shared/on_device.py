"""A text model on a device: how quick it is there, how far that is from what the device can do, and who meters it."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

VOCABULARY, TITLE = 5000, 12
"""Words of the made shop, and of a title."""
MAX_TOKENS = 128
ROUNDS = 2
SAME = 64
"""Texts whose vectors are made in float32, too."""
SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1, ""))

Row = list[str]


def rate(value: float, unit: str) -> str:
    """A rate for people."""
    scale, letter = next(one for one in SCALES if value >= one[0] or one[0] == 1)
    return f"{value / scale:,.1f} {letter}{unit}"


def seconds_of(call: Callable[[], object], device: str, times: int = 1, rounds: int = 3) -> float:
    """Seconds of a call, in the best of some rounds, after one that does not count. times: calls of a round."""
    found = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        for _ in range(times):
            call()
        if device == "cuda":
            torch.cuda.synchronize()
        found.append((time.perf_counter() - started) / times)
    return min(found[1:])


def made_words() -> list[str]:
    """The words of the made shop."""
    return [f"w{n}" for n in range(VOCABULARY)]


def made_titles(count: int, words: Sequence[str] = ()) -> list[str]:
    """Titles of frequent and rare words, of several lengths. words: others than those of the made shop."""
    rng, words = np.random.default_rng(1), words or made_words()
    drawn = np.minimum(rng.zipf(1.3, (count, 2 * TITLE)), len(words)) - 1
    return [" ".join(words[n] for n in row[: rng.integers(3, 2 * TITLE)]) for row in drawn.tolist()]


def made_model(folder: Path, sizes: SimpleNamespace) -> Path:
    """A text model of the shape of all-MiniLM-L6-v2 with random weights, in a folder, which it returns."""
    if not folder.exists():
        from transformers import BertConfig, BertModel, BertTokenizerFast

        folder.mkdir()
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *made_words()]
        (folder / "vocab.txt").write_text("\n".join(words))
        BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=256).save_pretrained(folder)
        torch.manual_seed(0)
        shape = BertConfig(
            vocab_size=30_522,
            hidden_size=384,
            num_hidden_layers=sizes.layers,
            num_attention_heads=12,
            intermediate_size=1536,
        )
        BertModel(shape).save_pretrained(folder)
    return folder


def texts(device: str, sizes: SimpleNamespace, rates: dict[str, float], model: Path) -> list[Row]:
    """The night's text vectors, from texts to arrays, and on a GPU from tokens. The operations are those of the
    products that each token passes."""
    from jobs.config.learning import EmbedConfig
    from jobs.models.content.bert.words import TextTokens
    from jobs.models.content.text_encoder import TextEncoder
    from jobs.models.content.text_encoders import encoder_of

    encoder = encoder_of(EmbedConfig(max_tokens=MAX_TOKENS, batch_tokens=sizes.tokens), str(model), device)
    exact = TextEncoder(str(model), max_tokens=MAX_TOKENS, precision="float32", device=device)
    words = [one for one in exact.tokenizer.get_vocab() if one.isalnum() and len(one) > 1]
    titles = made_titles(2 * (ROUNDS + 1) * sizes.texts, sorted(words)[:VOCABULARY])
    titles = [f"{title} {n:x}-{n % 99}" if n % 5 == 0 else title for n, title in enumerate(titles)]  # part numbers
    titles = list(dict.fromkeys(titles))[: (ROUNDS + 1) * sizes.texts]
    rounds = [titles[first : first + sizes.texts] for first in range(0, len(titles), sizes.texts)]
    backend = exact.tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(MAX_TOKENS)
    cut = TextTokens(backend)
    asked = iter(rounds)
    cutting = seconds_of(lambda: cut.of(next(asked)), device, rounds=ROUNDS)
    tokens = int(cut.of(rounds[-1]).lengths.sum())
    asked = iter(rounds)
    took = seconds_of(lambda: encoder.encode(next(asked)), device, rounds=ROUNDS)
    near = float((encoder.encode(titles[:SAME]) * exact.encode(titles[:SAME])).sum(axis=1).min())
    each = sum(
        weights.numel() for name, weights in exact.model.named_parameters() if ".layer." in name and weights.dim() == 2
    )
    share = f"{2 * each * tokens / took / rates['bfloat16']:.1%} of bfloat16"
    found = [
        [
            f"{sizes.texts:,} texts of {tokens / sizes.texts:.0f} tokens, {type(encoder).__name__}",
            f"{sizes.texts / took:,.0f} texts/s",
            share,
        ],
        ["cut into tokens alone, one thread", f"{sizes.texts / cutting:,.0f} texts/s", ""],
        [f"least cosine to float32 of {SAME}", f"{near:.6f}", ""],
    ]
    if hasattr(encoder, "runner"):
        found += packed(encoder, cut, titles[: sizes.texts], 2 * each, rates)
    return found


def packed(encoder: Any, cut: Any, titles: list[str], operations: int, rates: dict[str, float]) -> list[Row]:
    """Batches that are on the device already, beside the products of their layers alone. operations: of a token."""
    from jobs.models.content.device.packing import batches

    model = encoder.runner.model
    batch = next(batches([cut.of(titles)], model.room, model.first_place))
    made = sum(len(one) for one in encoder.runner.run([batch]))
    tokens = int((batch.numbers[: model.room.tokens] > 0).sum())  # no text has token 0, which pads
    whole = seconds_of(encoder.runner.replay, "cuda", 20)
    sides = [
        (
            torch.randn(model.room.tokens, size, device="cuda").bfloat16(),
            torch.randn(to, size, device="cuda").bfloat16(),
        )
        for size, to in model.products()
    ]
    outs = [left.new_empty(len(left), len(right)) for left, right in sides]

    def products() -> None:
        for _ in range(model.depth):
            for (left, right), out in zip(sides, outs, strict=True):
                torch.mm(left, right.T, out=out)

    alone = seconds_of(products, "cuda", 10)
    of = operations * model.room.tokens
    return [
        [
            f"products of its {model.depth} layers alone, {model.room.tokens:,} tokens",
            rate(of / alone, "FLOP/s"),
            f"{of / alone / rates['bfloat16']:.0%} of bfloat16",
        ],
        [
            f"from tokens there to vectors there, {tokens:,} tokens",
            f"{rate(operations * tokens / whole, 'FLOP/s')}, {made / whole:,.0f} texts/s",
            f"{alone * tokens / model.room.tokens / whole:.0%} of its products alone; "
            f"{operations * tokens / whole / rates['bfloat16']:.0%} of bfloat16",
        ],
    ]


def metered(device: str, sizes: SimpleNamespace, model: Path) -> list[Row]:
    """Seconds with a GPU as a receipt has them, of a task that embeds texts, beside those of the device's own clock.

    The task is one of Spark's Python workers as far as it needs no Spark: with the GPU that it was lent.
    """
    from pyspark import TaskContext
    from pyspark.accumulators import Accumulator
    from pyspark.resource import ResourceInformation

    from jobs.config.learning import EmbedConfig
    from jobs.infra.receipts.tasks import InTasks, InTasksParam, count_tasks, in_tasks, measured
    from jobs.infra.spark import task_device
    from jobs.models.content.text_encoders import encoder_of

    counter = Accumulator(0, InTasks(), InTasksParam())
    session = SimpleNamespace(sparkContext=SimpleNamespace(accumulator=lambda *_: counter))
    context = TaskContext._getOrCreate()
    context._resources = {"gpu": ResourceInformation("gpu", ["0"])}
    try:
        there = task_device()
        encoder, titles = encoder_of(EmbedConfig(max_tokens=MAX_TOKENS), str(model), there), made_titles(sizes.texts)
        encoder.encode(titles[:SAME])
        count_tasks(session)  # type: ignore[arg-type]
        events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if device == "cuda" else []
        started = time.perf_counter()
        for event in events[:1]:
            event.record()
        list(measured(lambda rows: (encoder.encode(row) for row in rows))(iter([titles])))
        for event in events[1:]:
            event.record()
            torch.cuda.synchronize()
        took, used = time.perf_counter() - started, in_tasks()
    finally:
        count_tasks(None)
        TaskContext._taskContext = None
    clock = f", by its own clock {events[0].elapsed_time(events[1]) / 1000:.3f} s" if events else ""
    return [[f"a task with {there}, {took:.3f} s", f"device {used.device:.3f} s, task {used.seconds:.3f} s{clock}", ""]]
