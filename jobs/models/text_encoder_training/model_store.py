"""Fine-tuned text models on disk: `<work>/models/text-<date>-<hash>/`.

    text_model.json     facts: the day, what the training started from, how good it was before and after
    model/              what `TextEncoder` loads; missing where the training made nothing better

While a training runs, `<work>/models/.text-<date>/` holds its texts and pairs. Which model a night uses is written in
its run, in `text_model.json` too, so that all jobs of the night use the same one.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import MissingStepError
from jobs.infra.storage.disk import remove
from jobs.models.facts import reading

if TYPE_CHECKING:
    from jobs.config.config import Config

FACTS, MODEL = "text_model.json", "model"
NOTHING = "none"
"""Stands for the hash of a training that made nothing better."""


@dataclass(frozen=True)
class TextModel:
    """A training of the text model."""

    path: Path
    day: date
    """The date of the night that trained it."""
    base: str
    """`identity` of the model from which it comes, through other ones or not."""
    kept: bool
    """Whether there is a model: it was better on held-out queries."""
    facts: dict[str, Any]
    """The other facts of `text_model.json`."""

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def model(self) -> str:
        """What `TextEncoder` loads, where it was kept."""
        return str(self.path / MODEL)


def new_folder(models: Path, day: date) -> Path:
    """Return an empty folder in which the training of a night works. What a killed one left is removed."""
    folder = models / f".text-{day}"
    remove(folder)
    folder.mkdir(parents=True)
    return folder


def finish(folder: Path, day: date, base: str, kept: bool, facts: dict[str, Any]) -> TextModel:
    """Turn the folder of a training into a model. It appears whole or not at all, instead of others of its day.

    facts: for `text_model.json`. kept: the folder holds MODEL.
    """
    from jobs.models.content.text_encoder import identity

    for path in folder.iterdir():
        if path.name != MODEL or not kept:
            remove(path)
    digest = identity(str(folder / MODEL))[:8] if kept else NOTHING
    about = {"day": day.isoformat(), "base": base, "kept": kept, **facts}
    (folder / FACTS).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")
    final = folder.parent / f"text-{day}-{digest}"
    remove(final)
    folder.rename(final)
    for other in folder.parent.glob(f"text-{day}-*"):
        if other != final:
            remove(other)
    return read(final)


def read(path: Path) -> TextModel:
    """Read the facts of a training. Raises MissingStepError where they are damaged."""
    with reading(path):
        facts = json.loads((path / FACTS).read_text())
        return TextModel(path, date.fromisoformat(facts.pop("day")), facts.pop("base"), facts.pop("kept"), facts)


def trainings(models: Path, day: date, base: str) -> list[TextModel]:
    """Return the trainings of `day` and before that come from the model `base`, kept or not, the newest last."""
    found = [read(path.parent) for path in models.glob(f"text-*/{FACTS}")]
    return sorted((one for one in found if one.day <= day and one.base == base), key=lambda one: (one.day, one.id))


def newest(models: Path, day: date, base: str) -> TextModel | None:
    """Return the newest model of `day` or before that was kept and comes from the model `base`, or None."""
    return next((one for one in reversed(trainings(models, day, base)) if one.kept), None)


def use(config: "Config", base: str | None, model: TextModel | None) -> None:
    """Write which model the jobs of a night use. model: None for `embed.model` itself. base: `identity` of that, where
    there is a model."""
    config.run.write_json(FACTS, {"model": model.id if model else None, "base": base})


def used(config: "Config") -> tuple[str, str]:
    """Return the name of the text model of a night, for people, and what `TextEncoder` loads.

    A run in which `train_text` has not run uses `embed.model` as it is. Raises MissingStepError where `train_text` has
    to run again, ConfigError where `embed.model` names a folder that does not exist.
    """
    from jobs.models.content.text_encoder import identity, locate

    name, base = config.embed.model, locate(config.embed.model, config.base)
    said = config.run.read_json(FACTS) if config.run.path(FACTS).exists() else {}
    if said.get("model") is None:
        return name, base
    folder = config.models / said["model"] / MODEL
    if not folder.is_dir() or said["base"] != identity(base):
        why = "comes from another model than embed.model is now" if folder.is_dir() else "is gone"
        raise MissingStepError(
            f"{folder.parent}: the text model of this run {why}: run `daybreak job train_text --date {config.date}` "
            "again, and the jobs after it"
        )
    return f"{said['model']} of {name}", str(folder)
