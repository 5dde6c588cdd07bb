"""What each part of Daybreak is worth: a preset whole, and without each part in turn.

    python tests/benchmarks/ablation.py DIR --preset NAME [--part valid] [--without PART,…]
    python tests/benchmarks/ablation.py SHOP --preset repeat --date 2017-12-05

DIR is the folder of a public set or of a shop, as for `daybreak evaluate`. Prints, for masked and unmasked lists, what
was reached, the difference from the whole with its paired bootstrap interval of 95 %, and the seconds of the fit, texts
embedded before. Followers, text and biases are taken out of the whole as it is fitted; for all else it is fitted anew,
with everything else as in the preset. Parts that a preset, or the data, do not have are passed over.
"""

import argparse
import copy
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.cli.output import TextTable
from jobs.cli.quality.problems import problem
from jobs.config.presets.settings import Preset, read
from jobs.evaluation.harness import Result, Results, evaluate
from jobs.evaluation.methods.daybreak import Daybreak, text_vectors
from jobs.evaluation.problems.problem import Histories, Method, Problem

WHOLE = "whole"
METRICS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20")


class Refitted(Daybreak):
    """A preset with some settings changed; bare: of items of which it is told no attributes and no words."""

    def __init__(self, name: str, preset: str, texts: NDArray[np.float32], *, bare: bool = False, **changed: object):
        super().__init__(preset, replace(read(preset).train, **changed))
        self.name, self.texts, self.bare = name, texts, bare

    def fit(self, problem: Problem) -> None:
        if self.bare:
            n = len(problem.items)
            problem = replace(problem, items=replace(problem.items, texts=[""] * n, attributes=[[] for _ in range(n)]))
        super().fit(problem, texts=self.texts)


class Less:
    """The whole as it is fitted, less what `take_out` takes out of it."""

    def __init__(self, name: str, whole: Daybreak, take_out: Callable[[Daybreak], None]):
        self.name, self.whole, self.take_out, self.parameters = name, whole, take_out, 0

    def fit(self, problem: Problem) -> None:
        self.method = copy.copy(self.whole)
        self.method._vector = self.method._vector.copy()
        self.take_out(self.method)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        return self.method.scores(given, at)


def followers(method: Daybreak) -> None:
    own = method._followers
    method._followers = replace(own, next_item=np.full_like(own.next_item, -1))


def text(method: Daybreak) -> None:
    """Its coordinates stand between those of the behaviour and the bias."""
    method._vector[:, -1 - method._encoder.widths[-1] : -1] = 0.0


def biases(method: Daybreak) -> None:
    method._vector[:, method._encoder.bias] = 0.0


def variants(problem: Problem, name: str, preset: Preset, only: list[str]) -> list[Method]:
    """The whole, then each without one part. only: of these parts, or of all where empty.

    Raises SystemExit where there is no such part.
    """
    train, items = preset.train, problem.items
    with_text = any(items.texts)
    texts = text_vectors(items.texts, preset.embed)
    whole = Refitted(WHOLE, name, texts)
    taken = {
        "followers": (train.follow > 0, followers),
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
        # The part that weighs most stands for all.
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
        *(Less(part, whole, taken[part][1]) for part in parts if part in taken),
        *(Refitted(part, name, texts, **changed[part][1]) for part in parts if part in changed),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", required=True)
    parser.add_argument("--part", choices=("valid", "test"), default="valid")
    parser.add_argument("--without", type=lambda names: names.split(","), default=[])
    parser.add_argument("--date", type=date.fromisoformat, help="of a shop: the day to split at")
    parser.add_argument("--days", type=int, default=14, help="of a shop: how many days from then are measured")
    arguments = parser.parse_args()
    with redirect_stdout(sys.stderr):
        made = problem(arguments.folder, part=arguments.part, split=arguments.date, days=arguments.days)
        methods = variants(made, arguments.preset, read(arguments.preset), arguments.without)
        results = evaluate(made, methods, baseline=WHOLE)
    print(f"{results.problem}, preset {arguments.preset}, {results.users:,} users, {results.items:,} items\n")
    print("\n\n".join(table(results, way) for way in ("masked", "unmasked")))


if __name__ == "__main__":
    main()
