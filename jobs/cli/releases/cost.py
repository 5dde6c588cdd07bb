"""The command `daybreak cost`."""

import math
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, load, one_or_more
from jobs.errors import ConfigError

LARGEST = 1e12
"""No shop has more users, items or calls."""


def amount(text: str | int) -> int:
    """Read a number such as 100e6. Raises BadParameter for what is none, or is out of bounds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value <= LARGEST:
        raise typer.BadParameter(f"{text!r} is not a number from 1 to {LARGEST:,.0f}, such as 100e6")
    return int(value)


Live = Annotated[bool, typer.Option("--live", help="Measure what live model calls would cost in place of the lists.")]
Calls = Annotated[
    int | None,
    typer.Option("--calls", parser=amount, metavar="N", show_default="one a user", help="How many a day, for --live."),
]
Users = Annotated[
    int | None, typer.Option("--users", parser=amount, metavar="N", help="Simulate a shop of so many active users …")
]
Items = Annotated[
    int | None, typer.Option("--items", parser=amount, metavar="N", help="… and so many items, such as 10e6.")
]
Cores = Annotated[int, typer.Option("--cores", callback=one_or_more, metavar="N", help="Of the simulated night.")]
Gpus = Annotated[int, typer.Option("--gpus", metavar="N", min=0, help="Of the simulated night.")]
Hosts = Annotated[int, typer.Option("--hosts", metavar="N", min=0, help="To which the simulated release is sent.")]
ConstantsFile = Annotated[
    Path | None, typer.Option("--constants", metavar="FILE", help="Of the simulation, as a benchmark measured them.")
]


def cost(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    json: Json = False,
    live: Live = False,
    calls: Calls = None,
    users: Users = None,
    items: Items = None,
    cores: Cores = 64,
    gpus: Gpus = 0,
    hosts: Hosts = 1,
    constants: ConstantsFile = None,
) -> None:
    """Print what nights cost: each job, for a million lists and a million vectors; and what a larger shop's would.

    Money needs prices in [costs] of the configuration.

    Example: daybreak cost --live --calls 1e6

    Example: daybreak cost --users 100e6 --items 10e6 --gpus 8
    """
    from jobs.cli.releases.cost_figures import show_live, show_nights, show_simulation

    settings = load(config)
    if (users is None) != (items is None):
        raise ConfigError("--users and --items go together: a simulation needs both")
    if users is not None and items is not None:
        from jobs.costs.constants import MEASURED, read
        from jobs.costs.simulation import Size, simulate

        known = MEASURED if constants is None else read(constants)
        lists = settings.topk
        size = Size(users, items, places=lists.places, similar=lists.similar, epochs=settings.train.epochs)
        show_simulation(simulate(size, known, cores, gpus), known, settings.costs, hosts, json=json)
        return
    from jobs.costs.nights import nights

    found = nights(settings.releases)
    if not found:
        print(f"no release in {settings.releases} yet: `daybreak run` makes one")
        return
    show_nights(found, settings.costs, json=json)
    if live:
        from jobs.costs.live import measure

        measured = measure(settings, found[-1].release)
        show_live(found[-1], measured, calls or measured.users, settings.costs, json=json)
