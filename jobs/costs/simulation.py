"""What a night of a shop of any size takes: bytes, hours and money, from constants that were measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.config.release import CostsConfig
from jobs.costs.constants import Constants
from lookup.release.schema import ARRAYS, FREE

HOUR = 3600.0
GB = 1e9
GIB = 2**30
TASK_BYTES = 4 * GIB
"""Of memory for each core that is held."""
ID_BYTES, RECORD_BYTES = 12, 300
"""Of an id, and of an item's record."""
EVENT_BYTES = 40
"""Of an event in a table of a run, compressed."""
TABLES = 1.5
"""The tables of a run hold the lists and vectors of the release, and more: so many times the bytes of its arrays."""


@dataclass(frozen=True)
class Size:
    """A shop, and the settings that decide its night."""

    users: int
    """Active ones."""
    items: int
    events: int = 50
    """Of a user, in the history that makes the vector."""
    dimensions: int = 193
    """Coordinates of a vector."""
    places: int = 120
    """Of a user's list."""
    similar: int = 50
    """Of an item's list."""
    epochs: int = 10
    changed: float = 1.0
    """Share of the items whose texts are embedded."""
    trains: float = 1 / 7
    """Nights that train a model, of all."""


@dataclass(frozen=True)
class NightStep:
    """A part of a night."""

    name: str
    amount: float
    unit: str
    rate: float
    """Units a second, of one core, or of one GPU."""
    on_gpu: bool = False
    """Whether it runs on GPUs."""

    @property
    def seconds(self) -> float:
        """Of one core, or one GPU."""
        return self.amount / self.rate

    @property
    def hours(self) -> float:
        """Likewise."""
        return self.seconds / HOUR


@dataclass(frozen=True)
class Simulation:
    """A simulated night."""

    size: Size
    steps: tuple[NightStep, ...]
    cores: int
    gpus: int
    array_bytes: int
    """Of the arrays of the release, by its schema."""
    release_bytes: int
    """With the Annoy index and the catalog."""
    run_bytes: int
    """Of the tables of the run."""

    @property
    def core_hours(self) -> float:
        """Of steps on cores."""
        return sum(step.hours for step in self.steps if not step.on_gpu)

    @property
    def gpu_hours(self) -> float:
        """Of steps on GPUs."""
        return sum(step.hours for step in self.steps if step.on_gpu)

    @property
    def seconds(self) -> float:
        """Of the night, one step after the other, all cores or all GPUs busy."""
        return sum(step.seconds / (self.gpus if step.on_gpu else self.cores) for step in self.steps)

    def money(self, prices: CostsConfig, hosts: int) -> dict[str, float] | None:
        """Money by what it is for; None without prices. hosts: to which the release is sent.

        Cores, memory and GPUs are held for the whole night."""
        if not prices.priced:
            return None
        hours = self.seconds / HOUR
        gigabytes = self.release_bytes / GB
        return {
            "cores": hours * self.cores * (prices.core_hour or 0.0),
            "memory": hours * self.cores * TASK_BYTES / GIB * (prices.gib_hour or 0.0),
            "GPUs": hours * self.gpus * (prices.gpu_hour or 0.0),
            "storage a month": (gigabytes + self.run_bytes / GB) * (prices.gb_month or 0.0),
            "sent": gigabytes * hosts * (prices.gb_sent or 0.0),
        }


def simulate(size: Size, constants: Constants, cores: int, gpus: int = 0) -> Simulation:
    """The night of a shop. With GPUs, lists and texts are made there.

    cores, gpus: held for the night."""
    device = gpus > 0
    products = constants.gpu_products if device else constants.products
    texts = constants.gpu_texts if device else constants.texts
    events = float(size.users) * size.events
    steps = (
        NightStep("read, check and sort events", events, "events", constants.spark_events),
        NightStep("fit", size.users * size.epochs * size.trains, "users × epochs", constants.fit_users),
        NightStep("embed texts", size.items * size.changed, "texts", texts, device),
        NightStep("vectors of users", size.users, "users", constants.user_vectors),
        topk("lists of users", size.users, size, products, device),
        topk("similar items", size.items, size, products, device),
        NightStep("search index and release", size.items, "items", constants.index_items),
    )
    arrays = array_bytes(size)
    places = size.users * size.places + size.items * size.similar
    beside = size.items * (4 * (size.dimensions + 1) + constants.annoy_bytes) + places * constants.catalog_bytes
    run = events * EVENT_BYTES + TABLES * arrays
    return Simulation(size, steps, cores, gpus, arrays, int(arrays + beside), int(run))


def topk(name: str, queries: int, size: Size, products: float, on_gpu: bool = False) -> NightStep:
    """The step that ranks all items for some queries."""
    return NightStep(name, float(queries) * size.items * size.dimensions, "products", products, on_gpu)


def array_bytes(size: Size) -> int:
    """Bytes of the arrays of the release, by the schema: its letters from the size, the others small."""
    import numpy as np

    small = {"C": 5000, "M": 20_000, "F": 4, "V": 10_000, "G": 4, "N": 20, "P": 200, "R": 32, "L": 100_000, "H": 128}
    small |= {"Q": 64, "T": 64, "W": 0, "J": 0, "X": 0, "B": 0, "S": size.similar}
    dims = small | {"I": size.items, "U": size.users, "D": size.dimensions, "K": size.places, "O": size.places}
    dims["E"] = size.users * size.events
    free = {"item_id_bytes": size.items * ID_BYTES, "user_id_bytes": size.users * ID_BYTES}
    free["item_record_bytes"] = size.items * RECORD_BYTES
    total = 0
    for array in ARRAYS:
        shape = array.size(dims, free.get(array.name, 0)) if FREE in array.shape else array.size(dims)
        count = 1
        for length in shape:
            count *= length
        total += count * np.dtype(array.dtype).itemsize
    return total


def assumptions(size: Size, constants: Constants, gpus: int) -> Sequence[str]:
    """What the figures take for granted, for whoever reads them."""
    said = [
        f"A core does what a core of {constants.machine} does, and steps share cores without loss or skew.",
        f"{size.events} events a user; vectors of {size.dimensions} coordinates; lists of {size.places}, {size.similar}"
        " similar items.",
        f"Texts of {size.changed:.0%} of the items are embedded; a model of {size.epochs} epochs is trained every"
        f" {1 / size.trains:.0f} nights, on all users.",
        "Top-K is exact: users × items × coordinates. All events of the histories are read anew.",
        f"{TASK_BYTES // GIB} GiB of memory a core; cores and GPUs are held for the whole night.",
        "Left out: the ranker, the evaluation, the checks of a release, pictures, Spark's start, and the network.",
    ]
    if gpus:
        said.append(f"A GPU does what one {constants.gpu} did; lists and texts are made on GPUs alone.")
    return said
