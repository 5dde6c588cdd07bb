"""What each part of Daybreak is worth: a preset whole, and without each part in turn.

    python -m tests.benchmarks ablation DIR --preset sequence --part valid
    python -m tests.benchmarks ablation SHOP --preset repeat --date 2017-12-05 --without fadings,biases

The folder is that of a public set or of a shop, as for `daybreak evaluate`; by default it is the demo's shop, split at
5 December 2017. Prints, for masked and unmasked lists, the metrics, the difference from the whole with its paired
bootstrap interval of 95 %, and the seconds of the fit without those of the texts. Transitions, text and biases are
taken out of the whole as it is fitted. For every other part the model is fitted anew, with all else as in the preset.
Parts that the preset or the data do not have are left out.
"""

import copy
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from jobs.cli.output import TextTable
from jobs.cli.quality.problems import problem
from jobs.config.presets.settings import Preset, read
from jobs.evaluation.harness import Result, Results, evaluate
from jobs.evaluation.methods.daybreak import Daybreak, text_vectors
from jobs.evaluation.problems import sets
from jobs.evaluation.problems.problem import Histories, Method, Problem
from jobs.evaluation.problems.set_items import ITEMS
from lookup.release.schema import NO_ITEM
from tests.benchmarks.shared.shops import demo
from tests.benchmarks.shared.timing import SEED, options

WHOLE = "whole"
DEMO_DAY = date(2017, 12, 5)
TOY_TEXTS = ["apple juice", "orange juice", "dog food"]
METRICS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20")


class Refitted(Daybreak):
    """A preset with some settings changed. bare: items without attributes and words."""

    def __init__(self, name: str, preset: Preset, texts: NDArray[np.float32], *, bare: bool = False, **changed: object):
        super().__init__("repeat", replace(preset.train, **changed), preset.embed)
        self.name, self.texts, self.bare = name, texts, bare

    def fit(self, problem: Problem) -> None:
        if self.bare:
            n = len(problem.items)
            problem = replace(problem, items=replace(problem.items, texts=[""] * n, attributes=[[] for _ in range(n)]))
        super().fit(problem, texts=self.texts)


class Without:
    """The whole as it is fitted, without the part that `take_out` removes."""

    def __init__(self, name: str, whole: Daybreak, take_out: Callable[[Daybreak], None]):
        self.name, self.whole, self.take_out, self.parameters = name, whole, take_out, 0

    def fit(self, problem: Problem) -> None:
        self.method = copy.copy(self.whole)
        self.method._vector = self.method._vector.copy()
        self.take_out(self.method)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        return self.method.scores(given, at)


def transitions(method: Daybreak) -> None:
    fitted = method._transitions
    method._transitions = replace(fitted, next_item=np.full_like(fitted.next_item, NO_ITEM))


def text(method: Daybreak) -> None:
    """The coordinates of the text stand between those of the behaviour and the bias."""
    method._vector[:, -1 - method._parameters.encoder.widths[-1] : -1] = 0.0


def biases(method: Daybreak) -> None:
    method._vector[:, method._parameters.encoder.bias] = 0.0


def variants(problem: Problem, preset: Preset, only: list[str]) -> list[Method]:
    """The whole, then each without one part. only: the parts to leave out in turn; all where empty.

    Raises SystemExit when there is no such part.
    """
    train, items = preset.train, problem.items
    with_text = any(items.texts)
    texts = text_vectors(items.texts, preset.embed)
    whole = Refitted(WHOLE, preset, texts)
    taken = {
        "transitions": (train.follow > 0, transitions),
        "text": (with_text and preset.embed.weight > 0, text),
        "biases": (True, biases),
    }
    most = int(np.argmax(train.fading))
    changed = {
        "labels": (with_text or any(items.attributes), {"bare": True}),
        "popularity": (train.popularity > 0, {"popularity": 0.0}),
        "event-dropout": (train.event_dropout > 0, {"event_dropout": 0.0}),
        "input-dropout": (train.input_dropout > 0, {"input_dropout": 0.0}),
        "own-dropout": (train.own_dropout > 0, {"own_dropout": 0.0}),
        # One half-life stands for all: the one that weighs most.
        "fadings": (
            len(train.half_lives) > 1,
            {"half_lives": [train.half_lives[most]], "fading": [float(np.sum(train.fading))]},
        ),
        "temperature": (train.temperature != 1, {"temperature": 1.0}),
        "repeats": (train.repeat > 0, {"repeat": 0.0}),
    }
    there = [part for part, (has, _) in (taken | changed).items() if has]
    unknown = [part for part in only if part not in there]
    if unknown:
        raise SystemExit(f"--without: no part {unknown[0]!r} here; there are {', '.join(there)}")
    parts = [part for part in there if not only or part in only]
    return [
        whole,
        *(Without(part, whole, taken[part][1]) for part in parts if part in taken),
        *(Refitted(part, preset, texts, **changed[part][1]) for part in parts if part in changed),
    ]


def table(results: Results, way: str) -> str:
    head = [way, *METRICS, *(f"{metric} less the whole" for metric in METRICS), "fit s"]
    return "\n".join(TextTable(head, [_row(one, way) for one in results.methods]).lines())


def _row(one: Result, way: str) -> list[str]:
    measure = getattr(one, way)["all"]
    figures = [f"{measure.metrics[metric]:.4f}" for metric in METRICS]
    if one.method == WHOLE:
        return [WHOLE, *figures, *[""] * len(METRICS), f"{one.fit_seconds:.1f}"]
    apart = [measure.differences[metric] for metric in METRICS]
    differences = [f"{d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}]" for d in apart]
    return [f"without {one.method}", *figures, *differences, f"{one.fit_seconds:.1f}"]


def main(argv: Sequence[str] | None = None) -> int:
    parser = options(__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="of a public set or of a shop")
    parser.add_argument("--preset", default="repeat")
    parser.add_argument("--part", choices=("valid", "test"), default="valid")
    parser.add_argument("--without", type=lambda names: names.split(","), default=[], metavar="PART,…")
    parser.add_argument("--date", type=date.fromisoformat, help="of a shop: the day to split at")
    parser.add_argument("--days", type=int, default=14, help="of a shop: how many days from then are measured")
    given = parser.parse_args(argv)
    if given.toy:
        with tempfile.TemporaryDirectory() as folder:
            sequence = read("sequence")
            preset = replace(sequence, train=replace(sequence.train, epochs=1))
            measure(sets.read(toy_set(Path(folder)), "valid"), preset, [])
    else:
        split = given.date if given.folder else DEMO_DAY
        with redirect_stdout(sys.stderr):
            found = problem(given.folder or demo(), part=given.part, split=split, days=given.days)
        measure(found, read(given.preset), given.without)
    return 0


def measure(found: Problem, preset: Preset, without: list[str]) -> None:
    """Fit the whole and the variants, and print both tables; progress goes to standard error."""
    with redirect_stdout(sys.stderr):
        results = evaluate(found, variants(found, preset, without), baseline=WHOLE)
    print(f"{results.problem}, {results.users:,} users, {results.items:,} items\n")
    print("\n\n".join(table(results, way) for way in ("masked", "unmasked")))


def toy_set(folder: Path) -> Path:
    """A small set of sequences: each user goes on to the next items of a circle, and sometimes leaps."""
    rng = random.Random(SEED)
    lines = []
    for user in range(1, 41):
        items, item = [], rng.randrange(30)
        for _ in range(8):
            items.append(item + 1)
            item = (item + 1) % 30 if rng.random() < 0.8 else rng.randrange(30)
        lines.append(" ".join(map(str, [user, *items])))
    (folder / sets.SEQUENCES).write_text("\n".join(lines) + "\n")
    items = pl.DataFrame({"item": range(1, 31), "text": TOY_TEXTS * 10, "attributes": [["brand=Acme"], [], []] * 10})
    items.write_parquet(folder / ITEMS)
    return folder
