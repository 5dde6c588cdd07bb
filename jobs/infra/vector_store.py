"""The folder `vectors/` of a run: the one statement of what it holds, and the classes that write and read it.

`embed_items` writes it. The stages after it map its arrays, and `build` copies them into the release, which is why each
array has the name, dtype and shape of a release's array (`lookup.release.schema`). The files are

    <name>.npy      plain numpy, one for each of `VECTOR_ARRAYS`
    labels.json     the names of the labels, in the order of the rows of label_*.npy
    space.json      `VectorSpace`
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import DataError
from jobs.infra.runs import Run
from jobs.infra.storage.shipped import Shipped, shipped
from lookup.errors import ReleaseError
from lookup.release.schema import ARRAYS, Array
from lookup.scoring.cold_start import ColdStartFact
from lookup.scoring.parts import BEHAVIOUR, LOOK, TEXT
from lookup.scoring.score_parameters import ScoreParameters
from lookup.scoring.user_encoder import UserEncoder

FOLDER = "vectors"

_SCHEMA = {array.name: array for array in ARRAYS}
ITEM_ARRAYS: tuple[Array, ...] = tuple(
    _SCHEMA[name] for name in ("item_input", "item_vector", "item_next_item", "item_next_weight", "item_repeat")
)
"""One row for each item of the run, in the order of table `items`."""
LABEL_ARRAYS: tuple[Array, ...] = tuple(
    _SCHEMA[name] for name in ("label_vector", "label_map", "label_text", "label_look")
)
"""What the vectors of new items are made of by day; rows in the order of the labels' names."""
LOOK_BASIS = _SCHEMA["look_basis"]
"""What a vector of the vision model, of words too, is brought into the space with."""
VECTOR_ARRAYS = (*ITEM_ARRAYS, *LABEL_ARRAYS, LOOK_BASIS)
"""What a complete folder holds."""


@dataclass(frozen=True)
class VectorSpace:
    """The space of the vectors, and how a history makes scores in it. `space.json` holds it."""

    space_id: str
    """16 hexadecimal digits. Vectors of different ids are never mixed."""
    score_parameters: ScoreParameters
    items: int
    dimensions: int
    """D: the parts and the bias."""
    model: str
    """Id of the behaviour model."""
    text_model: str
    """As the configuration names it."""
    look_model: str | None
    """Likewise, of pictures; None where no item has one."""
    trained_until: date
    """The first day that the behaviour model has not seen."""
    cold_start: ColdStartFact

    def to_json(self) -> dict[str, Any]:
        """As `space.json` has it: `score_parameters` stand under `encoder`, `cold_start` under `describe`."""
        return {
            "space_id": self.space_id,
            "encoder": self.score_parameters.to_json(),
            "items": self.items,
            "dimensions": self.dimensions,
            "model": self.model,
            "text_model": self.text_model,
            "look_model": self.look_model,
            "trained_until": self.trained_until.isoformat(),
            "describe": asdict(self.cold_start),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "VectorSpace":
        """As read from `space.json`. Raises KeyError, TypeError, ValueError or ReleaseError where it is not one."""
        return cls(
            space_id=str(data["space_id"]),
            score_parameters=ScoreParameters.from_json(data["encoder"]),
            items=int(data["items"]),
            dimensions=int(data["dimensions"]),
            model=str(data["model"]),
            text_model=str(data["text_model"]),
            look_model=None if data["look_model"] is None else str(data["look_model"]),
            trained_until=date.fromisoformat(data["trained_until"]),
            cold_start=ColdStartFact(**data["describe"]),
        )


class VectorStore:
    """A folder of vectors, read. Arrays are mapped and checked when they are first asked for.

    A store is cheap to send to a Spark task, which maps the arrays again (`jobs.infra.storage.shipped`).
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._arrays: dict[str, NDArray[Any]] = {}
        self._sizes: dict[str, int] = {}

    def __reduce__(self) -> tuple[Callable[[Shipped], "VectorStore"], tuple[Shipped]]:
        return _arrived, (shipped(self.folder),)

    @classmethod
    def of(cls, run: Run) -> "VectorStore":
        """The vectors of a run. Raises MissingStepError, naming the job to run, when they are not there."""
        return cls(run.existing(FOLDER))

    @cached_property
    def space(self) -> VectorSpace:
        """The space of the vectors. Raises DataError, naming the file, when it is missing or not readable."""
        path = self.folder / "space.json"
        try:
            return VectorSpace.from_json(_read_json(path))
        except (KeyError, TypeError, ValueError, ReleaseError) as error:
            raise DataError(f"{path}: not a space of this version ({error!r}); run `embed_items` again") from error

    @property
    def score_parameters(self) -> ScoreParameters:
        """How a history makes the scores of items in this space."""
        return self.space.score_parameters

    @property
    def encoder(self) -> UserEncoder:
        """How a history makes a user's vector in this space."""
        return self.score_parameters.encoder

    @cached_property
    def labels(self) -> list[str]:
        """The names of the labels. Raises DataError, naming the file, when it is missing or not a list of texts."""
        path = self.folder / "labels.json"
        names = _read_json(path)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"{path}: a list of texts expected; run `embed_items` again")
        return names

    def array(self, name: str) -> NDArray[Any]:
        """An array by its name in `VECTOR_ARRAYS`, mapped read-only.

        Raises DataError, naming the file, when it is missing, or when its dtype or shape does not fit the statement and
        the arrays that were opened before.
        """
        if name not in self._arrays:
            path = array_path(self.folder, name)
            try:
                values = np.lib.format.open_memmap(path, mode="r")
            except FileNotFoundError:
                raise _missing(path) from None
            except ValueError as error:
                raise DataError(f"{path}: not readable as an array ({error}); run `embed_items` again") from None
            _check(path, _SCHEMA[name], values, self._sizes)
            self._arrays[name] = values
        return self._arrays[name]

    def dims(self) -> dict[str, int]:
        """The sizes of the letters of the shapes, once every file of a complete folder is found to fit the others.

        Raises DataError, naming the file, for what is missing or does not fit.
        """
        space = self.space
        width = space.score_parameters.encoder.width
        self._sizes = {"I": space.items, "D": space.dimensions, "L": len(self.labels)}
        self._sizes |= {"H": width(BEHAVIOUR), "T": width(TEXT), "W": width(LOOK)}
        self._arrays.clear()
        for array in VECTOR_ARRAYS:
            self.array(array.name)
        return dict(self._sizes)


class VectorWriter:
    """Writes a folder of vectors. folder: exists."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._sizes: dict[str, int] = {}

    def write(self, name: str, values: NDArray[Any]) -> None:
        """An array that is in memory. Raises DataError when it does not fit the statement."""
        path = array_path(self.folder, name)
        _check(path, _SCHEMA[name], values, self._sizes)
        np.save(path, values)

    @contextmanager
    def create(self, name: str, shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
        """An array of zeros, mapped, to be filled block by block; when the context ends it is in its file."""
        path = array_path(self.folder, name)
        made = np.lib.format.open_memmap(path, "w+", np.dtype(_SCHEMA[name].dtype), shape)
        _check(path, _SCHEMA[name], made, self._sizes)
        yield made
        made.flush()

    def labels(self, names: list[str]) -> None:
        """The names of the labels, in the order of the rows of `LABEL_ARRAYS`."""
        (self.folder / "labels.json").write_text(json.dumps(names))

    def space(self, space: VectorSpace) -> None:
        """The space of the vectors."""
        (self.folder / "space.json").write_text(json.dumps(space.to_json(), indent=2, sort_keys=True) + "\n")


@contextmanager
def writing_vectors(run: Run) -> Iterator[VectorWriter]:
    """Write the vectors of a run anew. They replace those before when the context ends, complete and of one piece.

    Raises DataError, naming the file, when something is missing or does not fit.
    """
    with run.replacing(FOLDER) as folder:
        folder.mkdir()
        yield VectorWriter(folder)
        VectorStore(folder).dims()


def _arrived(sent: Shipped) -> VectorStore:
    return VectorStore(sent.here())


def array_path(folder: Path, name: str) -> Path:
    """The file of an array in a folder of vectors."""
    return folder / f"{name}.npy"


def _check(path: Path, array: Array, values: NDArray[Any], sizes: dict[str, int]) -> None:
    """Whether an array fits the statement and the sizes of the letters; adds those that it is the first to have."""
    fits = len(values.shape) == len(array.shape)
    known = tuple(sizes.get(letter, size) for letter, size in zip(array.shape, values.shape, strict=fits))
    if not fits or values.dtype != np.dtype(array.dtype) or values.shape != known:
        expected = known if fits else f"({', '.join(array.shape)})"
        raise DataError(f"{path}: {values.dtype} {values.shape} found; {array.dtype} {expected} expected")
    sizes.update(zip(array.shape, values.shape, strict=True))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise _missing(path) from None
    except ValueError as error:
        raise DataError(f"{path}: not readable as JSON ({error}); run `embed_items` again") from None


def _missing(path: Path) -> DataError:
    return DataError(f"{path} is missing; `embed_items` writes it: run it again")
