"""Prune the work folder: old runs, models and vectors, and what killed jobs left. Every night does it, by numbers."""

import re
import time
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from jobs.config.config import Config
from jobs.errors import RunLockedError
from jobs.infra.kept.lists import FACTS as FILES
from jobs.infra.kept.store import ENCODER, GRACE
from jobs.infra.run_lock import writing
from jobs.infra.runs import NAME
from jobs.infra.storage.disk import remove, size
from jobs.models.ranker.kept_ranker import FACTS as RANKER
from jobs.models.ranker.kept_ranker import FOLDER as RANKERS
from jobs.models.text_encoder_training.model_store import NOTHING

MODEL = re.compile(r"\d{4}-\d{2}-\d{2}-\w+")
TEXT_MODEL = re.compile(rf"text-{MODEL.pattern}")
PRUNING = ".pruning-"
"""Prefix of a folder that is being removed: an interrupted prune leaves nothing that looks whole."""


class Removed(NamedTuple):
    """What was removed."""

    path: Path
    bytes: int


def prune_runs(config: Config, keep: int) -> list[Removed]:
    """Remove all runs but the newest by date and that of the configuration's own date. keep: how many stay.

    A run that another command writes into stays.
    """
    runs = config.work / "runs"
    names = sorted(path.name for path in runs.glob("*") if NAME.fullmatch(path.name))
    return _remove(runs, (name for name in names[:-keep] if name != config.date.isoformat()), locked=True)


def prune_models(config: Config, keep: int) -> list[Removed]:
    """Remove all models but the newest, and unfinished ones whose run is gone. keep: how many stay.

    A night continues or keeps the newest model of its date or before, so that of the configuration's date stays too.
    """
    names = sorted(path.name for path in config.models.glob("*") if MODEL.fullmatch(path.name))
    own = [name for name in names if name[:10] <= config.date.isoformat()][-1:]
    unfinished = [path.name for path in config.models.glob(".*") if NAME.fullmatch(path.name[1:])]
    dead = [name for name in unfinished if not (config.work / "runs" / name[1:]).exists()]
    return _remove(config.models, [*(name for name in names[:-keep] if name not in own), *dead])


def prune_text_models(config: Config, keep: int) -> list[Removed]:
    """Remove all trainings of the text model but the newest `keep`, and unfinished ones whose run is gone.

    A night uses the newest model of its date or before that was kept, so that of the configuration's date stays too.
    """
    names = sorted(path.name for path in config.models.glob("*") if TEXT_MODEL.fullmatch(path.name))
    past = [name for name in names if name.removeprefix("text-")[:10] <= config.date.isoformat()]
    own = [name for name in past if not name.endswith(f"-{NOTHING}")][-1:]
    unfinished = [path.name for path in config.models.glob(".text-*")]
    dead = [name for name in unfinished if not (config.work / "runs" / name.removeprefix(".text-")).exists()]
    return _remove(config.models, [*(name for name in names[:-keep] if name not in own), *dead])


def prune_kept(config: Config, keep: int) -> list[Removed]:
    """Remove what nights took over, of encoders, models and settings but the `keep` that they used last, or today."""
    found: list[Removed] = []
    kinds = [("vectors", f"[!.]*/{ENCODER}"), ("lists", f"[!.]*/*/{FILES}"), ("spaces", "[!.]*.npz")]
    for folder, marks in (*kinds, (RANKERS, f"[!.]*/{RANKER}")):
        root, used = config.work / folder, dict[str, dict[str, float]]()
        for path in root.glob(marks):
            name = path.relative_to(root).parts[0]
            times = used.setdefault(name.partition("-")[0] if folder in ("vectors", "lists") else folder, {})
            times[name] = max(times.get(name, 0.0), path.stat().st_mtime)
        old = [name for times in used.values() for name in sorted(times, key=times.__getitem__)[:-keep]]
        latest = {name: at for times in used.values() for name, at in times.items()}
        found += _remove(root, [name for name in old if time.time() - latest[name] > GRACE])
    return found


def _remove(folder: Path, names: Iterable[str], locked: bool = False) -> list[Removed]:
    """Remove folders. locked: those alone whose lock of a run nobody holds."""
    for leftover in folder.glob(f"{PRUNING}*"):
        remove(leftover)
    found = []
    for name in names:
        path, away = folder / name, folder / f"{PRUNING}{name}"
        removed = Removed(path, size(path))
        try:
            with writing(path, "prune", wait=0) if locked else nullcontext():
                path.rename(away)
        except RunLockedError:
            continue
        remove(away)
        found.append(removed)
    return found
