"""The command `daybreak evaluate`."""

import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Literal

import typer

from jobs.cli.options import LOCAL, Json, Master
from jobs.cli.output import TextTable, show, show_json
from jobs.cli.quality.options import SplitDate, SplitDays
from jobs.errors import ConfigError

NUMBER = re.compile(r"[\d.,]*")
NEED_NO_USER = {"text-similarity"}
"""Methods that work where there is no user to learn from."""


def evaluate(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The folder of a public set, or of a shop.")
    ] = None,
    *,
    suite: Annotated[
        Path | None, typer.Option("--suite", metavar="PATH", help="Measure every public set in this folder instead.")
    ] = None,
    preset: Annotated[
        str,
        typer.Option("--preset", metavar="NAME,…", help="Presets of Daybreak to measure, or auto; each is a method."),
    ] = "",
    methods: Annotated[
        str | None,
        typer.Option("--methods", metavar="NAME,…", show_default="baselines", help="Baselines, or repertoire."),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="A pretrained model: each preset is measured with it, too."),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", metavar="PART", help="Learn from this part of the users alone, from 0 to 1.")
    ] = 1.0,
    part: Annotated[
        Literal["valid", "test"], typer.Option("--part", help="For a public set: the part to measure on.")
    ] = "test",
    split: SplitDate = None,
    days: SplitDays = 14,
    json: Json = False,
    master: Master = LOCAL,
) -> None:
    """Measure Daybreak's models beside plain baselines, on a shop's own days or on a public set.

    Every method ranks every item for every user, and the lists are compared with what the users took.

    A public set is a folder with sequences.txt (and items.parquet), with baskets.parquet, or with train.txt, valid.txt
    and test.txt. A shop is a folder with daybreak.toml; --date splits its events, and the --days from then on are
    measured on.

    Examples:

      daybreak evaluate my-shop/ --date 2026-10-01 --days 14 --preset auto
      daybreak evaluate --suite sets/ --preset sequence --json > results.jsonl
      daybreak evaluate sets/toys --preset sequence --from a.model --share 0.01
    """
    from jobs.cli.quality.problems import problem, sets_in
    from jobs.evaluation.figures import json_rows, slice_rows, table_rows
    from jobs.evaluation.harness import Results
    from jobs.evaluation.harness import evaluate as measure
    from jobs.evaluation.methods.choice import methods as made
    from jobs.models.pretrained.store import Pretrained

    runs: list[Results] = []
    if folder is not None and suite is None:
        paths = [folder]
    elif suite is not None and folder is None:
        paths = sets_in(suite)
    else:
        raise ConfigError("evaluate needs either DIR or --suite PATH")
    if not 0 <= share <= 1:
        raise ConfigError(f"--share must be from 0 to 1; it is {share:g}")
    if share == 0 and (start_from is None or methods is None or not set(_names(methods)) <= NEED_NO_USER):
        raise ConfigError(
            f"--share 0 leaves nothing to learn from: only --from FILE and --methods {','.join(NEED_NO_USER)} work then"
        )
    pretrained = None if start_from is None else Pretrained.read(start_from)
    for path in paths:
        with redirect_stdout(sys.stderr):  # the log lines of the work
            found = problem(path, part=part, split=split, days=days, master=master)
            named = None if methods is None else _names(methods)
            compared = made(named, _names(preset), pretrained, scratch=share > 0)
            runs.append(measure(found if share == 1 else found.learning_from(share), compared))
        if json:  # as soon as it is known
            show_json(json_rows(runs[-1], part))
    if json:
        return
    _show(table_rows(runs, part))
    if suite is None and len(slices := slice_rows(runs[0])) > 1:
        print()
        _show(slices)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _show(rows: Sequence[Sequence[str]]) -> None:
    """Print rows, the first of which is the head; the columns that hold figures alone stand at the right."""
    head, *body = rows
    numbers = [name for name, *cells in zip(head, *body, strict=True) if all(NUMBER.fullmatch(cell) for cell in cells)]
    show(TextTable(head, body, right=numbers))
