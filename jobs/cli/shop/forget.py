"""The command `daybreak forget`."""

from contextlib import closing
from typing import Annotated

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, load
from jobs.errors import ConfigError
from lookup.errors import PatchError
from lookup.patches import patch
from lookup.patches.patch_log import open_log


def forget(
    users: Annotated[list[str], typer.Argument(metavar="USER …", help="The ids of the users.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Forget users: their events up to now are gone from the patch log, and no reader and no night uses them.

    The command says what it erases, and where something of them stays: it erases nothing but the log, whose files it
    writes anew. To forget very many users, give `daybreak patch` lines of {"forget": "900"}.

    Example: daybreak forget 900 901
    """
    settings = load(config)
    try:
        patches = [patch.forget(user, source="forget") for user in users]
    except PatchError as error:
        raise ConfigError(str(error)) from None
    with closing(open_log(settings.patches)) as log:
        log.append(patches)
        left = log.compact()
    print(f"Users forgotten: {len(patches)}.")
    print(f"Erased: their events in the log {log.where}" + ("" if left else ", whose files were written anew."))
    if left:
        print(f"  but {left}")
    print("Used no more: what readers and the nights to come know of them up to now.")
    print("Not erased, and yours to remove:")
    for line in (
        f"{log.where}: their ids, and when they were forgotten; nights need both to leave them out",
        f"{settings.releases}: their ids, histories and lists, and what they searched for, without an id, in the "
        "releases that are there; the next night makes one without them: `daybreak run`, then "
        "`daybreak prune --keep 1`",
        f"{settings.work / 'runs'}: tables, searches among them, quarantine and measurements of the nights so "
        "far, with their ids; after the next night `daybreak prune --runs 1`"
        + (f"; on {settings.storage} too, where their data go two days later" if settings.storage else ""),
        "records of exposures, with what they searched for (lookup.experiments.exposures), and copies and backups of "
        "any of these",
        "the shop's own files, its log of searches among them: nights read them, and leave out these users' events and "
        "searches up to now; searches without a user's id stay",
        "models: they learned from the events of all, and hold no ids; `daybreak job train --full` learns without them",
    ):
        print(f"  - {line}")
