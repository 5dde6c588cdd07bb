"""Models on disk: `<work>/models/<model id>/`.

    model.json      facts of the model
    items/          table MODEL_ITEMS: the vectors of every item seen in training
    labels/         table MODEL_LABELS: the vectors of attributes, from which new items get theirs
    maps.npy        float32 (heads, d, d): from the sum of an item's attribute vectors to its input vector
    next_item.npy, next_weight.npy      int32 and float32 (n, N): item transitions, as places in `items`
    item_repeat.npy                     float32 (n,): what an item's score gains for users with it in their history
    weights.npz     the learned parameters of `jobs.models.behaviour.network.BehaviourModel`, for a warm start

While a fit runs, `<work>/models/.<date>/` holds `inputs.npz`, `checkpoint.pt` and finally `fitted.npz`; a warm start
also has `start.npz` there, a fit that begins with another shop's model `pretrained.npz`.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import ConfigError, MissingStepError
from jobs.infra.storage.disk import remove
from jobs.models.facts import reading

if TYPE_CHECKING:
    import pyarrow as pa
    import scipy.sparse as sp

    from jobs.config.learning import TrainConfig
    from jobs.models.behaviour.encoding import Repeats

EPOCH = date(1970, 1, 1)
INPUTS, START, CHECKPOINT, FITTED = "inputs.npz", "start.npz", "checkpoint.pt", "fitted.npz"
PRETRAINED = "pretrained.npz"
WEIGHTS = "weights.npz"
SHAPE = ("heads", "dimensions", "half_lives")
"""Settings that a model and the one that continues it must share."""
TRANSITION_SETTINGS = ("ordered", "follow_ridge", "follow_shrink", "follow_power", "fading")
"""Settings that both must share as well for the new model to reuse item transitions."""


@dataclass(frozen=True)
class Inputs:
    """What a fit learns from, beside the sequences."""

    rows: NDArray[np.int64]
    """The rows of the n items in the sequences, rising; the place in it is an item's number in the model."""
    events: NDArray[np.int64]
    """The number of events of each item, (n,)."""
    attributes: "sp.csr_array"
    """float32 (n, L), as `jobs.models.attributes.Vocabulary.matrix` makes it."""

    @property
    def digest(self) -> str:
        """Eight characters that tell these inputs from any others."""
        matrix = self.attributes
        return digest(self.rows, self.events, matrix.indptr, matrix.indices, matrix.data)

    def of(self, chosen: NDArray[np.int64]) -> "Inputs":
        """The inputs of some of the items: their numbers, rising."""
        return Inputs(self.rows[chosen], self.events[chosen], self.attributes[chosen])

    def write(self, folder: Path) -> None:
        """Write INPUTS."""
        matrix = self.attributes
        parts = {"indptr": matrix.indptr, "indices": matrix.indices, "data": matrix.data}
        np.savez(folder / INPUTS, rows=self.rows, events=self.events, shape=matrix.shape, **parts)

    @classmethod
    def read(cls, folder: Path) -> "Inputs":
        """Read INPUTS."""
        import scipy.sparse as sp

        with np.load(folder / INPUTS) as data:
            matrix = sp.csr_array((data["data"], data["indices"], data["indptr"]), shape=tuple(data["shape"]))
            return cls(data["rows"].astype(np.int64), data["events"].astype(np.int64), matrix)


@dataclass(frozen=True)
class Start:
    """What a warm start begins with."""

    since: int
    """The first day that the older model did not see, in days since 1970."""
    items: NDArray[np.int64]
    """The older model's number of each item, (n,); -1 for a new item."""
    attributes: NDArray[np.int64]
    """The older model's number of each attribute, (L,); -1 for a new one."""
    next_item: NDArray[np.int32]
    """The older model's item transitions, in the new numbers, (n, N); (0, 1) where they cannot be reused."""
    next_weight: NDArray[np.float32]
    """Their weights, of the same shape, before `follow` multiplies them."""
    weights: dict[str, NDArray[np.float32]]
    """The older model's WEIGHTS."""

    @property
    def digest(self) -> str:
        """Eight characters that tell this start from any other."""
        numbers = (self.items, self.attributes, self.next_item, self.next_weight)
        return digest(np.asarray(self.since), *numbers, *(self.weights[name] for name in sorted(self.weights)))

    @classmethod
    def of(cls, old: "Model", ids: list[str], names: list[str], settings: "TrainConfig") -> "Start":
        """Make the start of a new model from an older one of the same shape.

        ids: of the new model's items. names: of its attributes. settings: of its fit.
        """
        items, attributes = _places(old.item_ids(), ids), _places(old.attributes()[0], names)
        next_item, next_weight = np.full((0, 1), -1, np.int32), np.zeros((0, 1), np.float32)
        same = all(old.settings[name] == getattr(settings, name) for name in TRANSITION_SETTINGS)
        # Where something else went into the sums, the older model no longer knows what it learned.
        others = old.settings.get("follow_alike") or old.settings.get("first")
        if same and old.settings["follow"] > 0 and not others:
            new = np.full(old.facts["items"] + 1, -1, dtype=np.int32)  # -1, for no item, stays -1
            new[items[items >= 0]] = np.flatnonzero(items >= 0)
            known = (items >= 0)[:, None]
            next_item = np.where(known, new[old.load("next_item")[items]], np.int32(-1))
            weight = old.load("next_weight")[items] / np.float32(old.settings["follow"])
            next_weight = np.where(next_item >= 0, weight, np.float32(0))
        return cls((old.trained_until - EPOCH).days, items, attributes, next_item, next_weight, old.weights())

    def write(self, folder: Path) -> None:
        """Write START."""
        numbers = {name: value for name, value in vars(self).items() if name != "weights"}
        numbers |= {f"weights {name}": value for name, value in self.weights.items()}
        np.savez(folder / START, **numbers)

    @classmethod
    def read(cls, folder: Path) -> "Start":
        """Read START."""
        with np.load(folder / START) as data:
            weights = {name.removeprefix("weights "): data[name] for name in data if name.startswith("weights ")}
            numbers = {name: data[name] for name in ("items", "attributes", "next_item", "next_weight")}
            return cls(since=int(data["since"]), weights=weights, **numbers)


def _places(old: list[str], new: list[str]) -> NDArray[np.int64]:
    """Return the place of each new name among the old ones; -1 where it is not among them."""
    place = {name: n for n, name in enumerate(old)}
    return np.asarray([place.get(name, -1) for name in new], dtype=np.int64)


@dataclass(frozen=True)
class Model:
    """A trained behaviour model."""

    path: Path
    id: str
    day: date
    """The date of the night that trained it."""
    trained_until: date
    """The model saw the events before this day. `evaluate` measures on later ones."""
    widths: tuple[int, ...]
    """Dimensions of each head."""
    mix: tuple[tuple[float, ...], ...]
    """The parts of the half-lives, for each head."""
    settings: dict[str, Any]
    """The section `train` of the configuration of its fit."""
    price_bounds: NDArray[np.float64]
    """The bounds of the tenths of prices."""
    continued_from: str | None
    """The id of the older model that this one continues; None: it was trained from scratch."""
    warm_starts: int
    """The number of warm starts since the last training from scratch."""
    facts: dict[str, Any]
    """The other facts of `model.json`: counts and losses."""

    @property
    def popular_only(self) -> bool:
        """Whether it knows no more than how popular items are (see `jobs.models.behaviour.popular_only`)."""
        return bool(self.facts.get("popular_only", False))

    @property
    def taught(self) -> bool:
        """Whether it learned from users of this shop: neither `popular_only`, nor another shop's model as it was."""
        return not self.popular_only and not self.facts.get("untaught", False)

    @property
    def repeats(self) -> "Repeats":
        """How the times that a user took an item count."""
        from jobs.models.behaviour.encoding import Repeats

        # Models from before know the weight alone, or what their settings say.
        usual = {"weight": self.facts.get("repeat", self.settings["repeat"]), "mix": self.settings["fading"]}
        return Repeats(**self.facts.get("repeats", usual))

    @property
    def study(self) -> dict[str, Any] | None:
        """How its preset was chosen, as `jobs.evaluation.tuning.kind.ChosenKind` names it; None: it was named."""
        found: dict[str, Any] | None = self.facts.get("study")
        return found

    @property
    def train(self) -> "TrainConfig":
        """The settings of its fit.

        Raises ConfigError when another version of Daybreak wrote them.
        """
        from jobs.config.learning import TrainConfig
        from jobs.config.toml import fill

        try:
            # Before there was a setting for it, items that a user had kept all of what transitions add.
            return fill(TrainConfig, {"kept_next": 1.0} | self.settings, str(self.path / "model.json"), "settings.")
        except ConfigError as error:
            raise ConfigError(f"{error}: the model is of another version; train one with `--full`") from error

    def item_ids(self) -> list[str]:
        """Return the ids of its items, in the order of their numbers."""
        import pyarrow.parquet as pq

        ids: list[str] = pq.read_table(self.path / "items", columns=["item_id"])["item_id"].to_pylist()
        return ids

    def attributes(self) -> tuple[list[str], NDArray[np.float32]]:
        """Return the names of attributes and their vectors, float32 (L, sum of widths)."""
        import pyarrow.parquet as pq

        from jobs.infra.arrow import matrix

        table = pq.read_table(self.path / "labels")
        return table["label"].to_pylist(), matrix(table["vector"].combine_chunks(), sum(self.widths))

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the learned parameters, by their names in `jobs.models.behaviour.network.BehaviourModel`."""
        with np.load(self.path / WEIGHTS) as data:
            return dict(data)

    def reason_not_to_continue(self, settings: "TrainConfig") -> str | None:
        """Say why a model with these settings cannot continue this one; None where it can."""
        if not (self.path / WEIGHTS).exists():
            return f"{self.id} has no {WEIGHTS}"
        for name in SHAPE:
            if self.settings[name] != getattr(settings, name):
                return f"{self.id} has train.{name} = {self.settings[name]}, not {getattr(settings, name)}"
        return None

    def load(self, name: str) -> NDArray[Any]:
        """Map one of the arrays "maps", "next_item", "next_weight" or "item_repeat" into memory."""
        found: NDArray[Any] = np.load(self.path / f"{name}.npy", mmap_mode="r")
        return found


def finish(new: Path, about: dict[str, Any], ids: "pa.ChunkedArray", names: list[str]) -> str:
    """Turn the fitted numbers in a folder into a model and return its id. The model appears whole or not at all.

    about: facts for `model.json` that the numbers do not tell. ids: of the items, in order. names: of the attributes.
    """
    import pyarrow as pa

    from jobs.infra.arrow import list_column
    from jobs.models.behaviour.encoding import Repeats

    events, fitted = Inputs.read(new).events, dict(np.load(new / FITTED))
    heads, attributes, d = fitted["label"].shape
    vectors = {"input": list_column(fitted["x"]), "output": list_column(fitted["y"])}
    _write(new / "items", {"item_id": ids, **vectors, "bias": pa.array(fitted["bias"]), "events": pa.array(events)})
    joined = fitted["label"].transpose(1, 0, 2).reshape(attributes, heads * d)
    _write(new / "labels", {"label": pa.array(names, pa.string()), "vector": list_column(joined)})
    for name in ("maps", "next_item", "next_weight", "item_repeat"):
        np.save(new / f"{name}.npy", fitted[name])
    model_id = f"{about['day']}-{digest(*(fitted[name] for name in sorted(fitted) if name != 'losses'))}"
    facts = {"id": model_id, "widths": [d] * heads, "items": len(ids), "labels": attributes}
    facts |= {"mix": fitted["mix"].tolist()}
    if repeats := Repeats.found(fitted):
        facts["repeats"] = repeats._asdict()
    for scratch in (INPUTS, START, PRETRAINED, CHECKPOINT, FITTED):
        (new / scratch).unlink(missing_ok=True)
    (new / "model.json").write_text(json.dumps(about | facts, indent=2, sort_keys=True) + "\n")
    final = new.parent / model_id
    remove(final)
    new.rename(final)
    return model_id


def _write(folder: Path, columns: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / "part-0.parquet", row_group_size=65536)


def digest(*arrays: NDArray[Any]) -> str:
    """Return eight characters that tell these numbers from any others; equal fits have equal ones."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:8]


def read(path: Path) -> Model:
    """Read the model in a folder. Raises MissingStepError where its facts are damaged."""
    with reading(path):
        facts = json.loads((path / "model.json").read_text())
        return Model(
            path=path,
            id=facts.pop("id"),
            day=date.fromisoformat(facts.pop("day")),
            trained_until=date.fromisoformat(facts.pop("trained_until")),
            widths=tuple(map(int, facts.pop("widths"))),
            mix=tuple(tuple(map(float, head)) for head in facts.pop("mix")),
            settings=facts.pop("settings"),
            price_bounds=np.asarray(facts.pop("price_bounds"), dtype=np.float64),
            continued_from=facts.pop("continued_from", None),
            warm_starts=int(facts.pop("warm_starts", 0)),
            facts=facts,
        )


def newest(models: Path, day: date) -> Model | None:
    """Return the newest model of `day` or before, or None. The model of a later night knows the future."""
    found = [read(p.parent) for p in models.glob("[!.]*/model.json")]
    past = [m for m in found if m.day <= day]
    return max(past, key=lambda m: (m.day, m.taught, not m.popular_only, m.id), default=None)


def existing(models: Path, day: date) -> Model:
    """Return the newest model of `day` or before.

    Raises MissingStepError when there is none.
    """
    model = newest(models, day)
    if model is None:
        raise MissingStepError(f"{models}: no model of {day} or before: run `daybreak job train --date {day}` first")
    return model
