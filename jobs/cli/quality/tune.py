"""The command `daybreak tune`."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import LOCAL, Master
from jobs.cli.quality.options import SplitDate, SplitDays
from jobs.errors import ConfigError

INTERRUPTED = 130


def tune(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Folders of public sets or of shops; their mean counts.")
    ],
    *,
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="Where the search starts.")],
    study: Annotated[Path, typer.Option("--study", metavar="FILE", help="The file that keeps the study (SQLite).")],
    trials: Annotated[int, typer.Option("--trials", help="How many trials the study has in the end.")] = 50,
    seconds: Annotated[float | None, typer.Option("--seconds", help="Begin no trial after so many seconds.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The seed of the search; train.seed is that of the fits.")] = 0,
    metric: Annotated[str, typer.Option("--metric", metavar="NAME", help="The metric to raise.")] = "ndcg@10",
    masked: Annotated[
        bool | None,
        typer.Option(
            "--masked/--unmasked",
            show_default="masked where the preset has train.repeat = 0",
            help="Whether lists leave out what a user bought or viewed before.",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Epochs of each fit, not the preset's.")] = None,
    split: SplitDate = None,
    days: SplitDays = 14,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the preset there too.")] = None,
    master: Master = LOCAL,
) -> int:
    r"""Search better settings for a preset, on validation data alone, and print them as a preset.

    A public set is measured on its part valid; a shop on the --days before --date, and nothing from --date on is read.
    The study stays in its file: the same command, run again, goes on with it. Ctrl-C ends the search and prints the
    best settings so far.

    Examples:

      daybreak tune my-shop/ --date 2026-10-01 --preset repeat --study shop.db
      daybreak tune sets/beauty sets/toys --preset sequence --study study.db \
          --trials 40 --out found.toml
    """
    for name, given in (("trials", trials), ("epochs", epochs), ("seconds", seconds)):
        if given is not None and given <= 0:
            raise ConfigError(f"--{name} must be more than 0; it is {given}")
    if seed < 0:
        raise ConfigError(f"--seed must be 0 or more; it is {seed}")
    if out is not None and not out.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {out.parent}")

    from jobs.cli.quality.tuning import tuning_of

    plan = tuning_of(folders, preset, metric, masked=masked, epochs=epochs, end=split, days=days, master=master)
    found, whole = plan.search(study, seed=seed, trials=trials, seconds=seconds)
    if found:
        print(found, end="")
        if out is not None:
            out.write_text(found, encoding="utf-8")
    return 0 if whole else INTERRUPTED
