"""The command `daybreak pretrain`."""

import sys
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.options import LOCAL, Master
from jobs.cli.quality.options import SplitDate, SplitDays
from jobs.errors import ConfigError

if TYPE_CHECKING:
    from jobs.config.learning import EmbedConfig


def pretrain(
    shops: Annotated[
        list[Path], typer.Argument(metavar="SHOP", help="Folders of shops (or their daybreak.toml), or of public sets.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the model is written.")],
    preset: Annotated[
        str, typer.Option("--preset", metavar="NAME", help="The preset of the shops that will begin with it.")
    ],
    split: SplitDate = None,
    days: SplitDays = 14,
    master: Master = LOCAL,
) -> None:
    """Learn from the texts of shops what people take next, for a shop that has no history yet.

    The model holds no item, no user and no text: only how text vectors become item vectors. A new shop names it in
    [train] as `from`. It must use the same text model, and a preset of the same dimensions.

    Of a shop the events before --date are learned from, and its --days from then on choose how much likeness counts;
    of a public set, its parts train and valid.

    Examples:

      daybreak pretrain my-shop/ --date 2026-10-01 --preset repeat --out my.model
      daybreak pretrain sets/beauty sets/toys --preset sequence --out sets.model
    """
    if not out.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {out.parent}")

    from jobs.cli.quality.problems import problem
    from jobs.config.presets.settings import read
    from jobs.evaluation.methods.daybreak import text_vectors
    from jobs.evaluation.pretraining import TextsOfShop, pretrain_on
    from jobs.evaluation.problems.problem import Problem
    from jobs.models.content.text_encoder import identity, locate

    usual = read(preset).embed
    with redirect_stdout(sys.stderr):  # the log lines of the work
        problems: list[Problem] = []
        texts: list[TextsOfShop] = []
        for shop in shops:
            problems.append(problem(shop, part="valid", split=split, days=days, master=master))
            embed, base = _texts_of(shop, usual, split)
            model = identity(locate(embed.model, base))
            if texts and (texts[0].model, texts[0].max_tokens) != (model, embed.max_tokens):
                raise ConfigError(
                    f"{shop}: another text model, or another embed.max_tokens, than {shops[0]} has: their vectors "
                    "cannot be compared"
                )
            texts.append(TextsOfShop(text_vectors(problems[-1].items.texts, embed, base), model, embed.max_tokens))
        made = pretrain_on(problems, texts, preset)
        made.write(out)
    users, items = (sum(getattr(one, name) for one in made.sources) for name in ("users", "items"))
    heads, width, d = made.projection.shape
    print(
        f"{out}: learned from {users:,} users and {items:,} items of {len(made.sources)} shop(s); from text vectors of "
        f"{width} to {heads} × {d}; without histories likeness counts {made.alike:g}"
    )


def _texts_of(shop: Path, usual: "EmbedConfig", split: date | None) -> "tuple[EmbedConfig, Path]":
    """How the texts of a shop are read, and the folder of its relative paths. usual: for a public set."""
    from jobs.cli.options import load
    from jobs.cli.quality.problems import CONFIG

    file = shop / CONFIG if shop.is_dir() else shop
    if not file.exists():
        return usual, Path()
    config = load(file, split)
    return config.embed, config.base
