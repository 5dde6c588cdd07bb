"""What a request costs when a live model answers it, measured on one thread of this machine, beside a stored list.

A live call does what the night does for a user: the text model of the night reads one text, for what was just seen or
typed; the history makes the vector; a product scores all items, and the best are sorted out. Vectors of items are in
memory already, and the transitions of items, filters and patches are left out, so it is less than a live service does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

import lookup
from jobs.config.config import Config
from jobs.models.content.text_encoder import locate
from jobs.models.content.text_encoders import encoder_of
from lookup.release.reader import Release

SECONDS = 2.0
"""How long each part is measured …"""
CALLS = (5, 2000)
"""… and how often, at least and at most."""
K = 20
"""Items of a list."""
HOUR = 3600.0


@dataclass(frozen=True)
class LiveCall:
    """Seconds of a core that a call takes: the medians of its parts."""

    text: float
    """The text model reads a title."""
    vector: float
    """The history of a user becomes a vector."""
    scoring: float
    """All items are scored, and the best K are sorted out."""
    lookup: float
    """The same list from the release: `shop.recommend`."""
    items: int
    dimensions: int
    events: int
    """In the history, the median."""
    users: int
    """Of the release."""

    @property
    def seconds(self) -> float:
        """Of the whole live call."""
        return self.text + self.vector + self.scoring

    @property
    def without_text(self) -> "LiveCall":
        """The same call where no text is read, as for a user whose history is all that counts."""
        return replace(self, text=0.0)

    def core_hours(self, calls: float) -> float:
        """Core-hours of so many live calls, if cores are never idle."""
        return calls * self.seconds / HOUR

    def lookup_hours(self, calls: float) -> float:
        """Core-hours of so many stored lists."""
        return calls * self.lookup / HOUR

    def break_even(self, core_hours: float) -> float | None:
        """The number of calls from which on a night of so many core-hours is cheaper; None where it never is."""
        saved = self.seconds - self.lookup
        return core_hours * HOUR / saved if saved > 0 else None


def measure(config: Config, release_id: str, seconds: float | None = None) -> LiveCall:
    """Measure with the release and with the text model of the configuration. seconds: for each part; None: SECONDS.

    Raises ReleaseError where the release cannot be opened or has no user, ConfigError where the model cannot be loaded.
    """
    import torch

    release = Release(config.releases / release_id)
    users = release.manifest.dims["U"]
    if users == 0:
        raise lookup.ReleaseError(f"{release.path}: no user has a list: there is no call to compare with")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measure(config, release, users, SECONDS if seconds is None else seconds)
    finally:
        torch.set_num_threads(before)


def _measure(config: Config, release: Release, users: int, seconds: float) -> LiveCall:
    import torch

    rng = np.random.default_rng(0)
    some = [release.user_at(int(row)) for row in rng.integers(0, users, 256)]
    titles = [str(release.record(int(row)).get("title") or "") for row in rng.integers(0, len(release.items), 64)]
    titles = [title for title in titles if title.strip()] or ["an item"]
    encoder = encoder_of(config.embed, locate(config.embed.model, config.base))
    inputs, vectors = release.arrays["item_input"], torch.from_numpy(np.array(release.arrays["item_vector"]))
    histories = [of_shard.history(row) for of_shard, row in some]

    def vector(call: int) -> NDArray[np.float32]:
        events = histories[call % len(histories)]
        ages = (release.night - events.days).astype(np.float64)
        return release.encoder.user_vector(inputs[events.rows], ages, events.weights.astype(np.float64))

    asked = [torch.from_numpy(vector(call)) for call in range(len(some))]

    def score(call: int) -> object:
        with torch.inference_mode():
            return torch.topk(torch.mv(vectors, asked[call % len(asked)]), min(K, len(vectors)))

    shop = lookup.open(config.releases, pin=release.manifest.id)
    try:
        ids = [of_shard.keys.id(row) for of_shard, row in some]
        return LiveCall(
            text=_median(lambda call: encoder.encode([titles[call % len(titles)]]), seconds),
            vector=_median(vector, seconds / 2),
            scoring=_median(score, seconds),
            lookup=_median(lambda call: shop.recommend(ids[call % len(ids)], k=K), seconds / 2),
            items=len(vectors),
            dimensions=vectors.shape[1],
            users=users,
            events=int(median(len(events.rows) for events in histories)),
        )
    finally:
        shop.close()


def _median(call: Callable[[int], object], seconds: float) -> float:
    """Seconds of processor time of a call, the median of as many as fit; the first does not count. Other work on the
    machine does not make it longer, as it would the wall time."""
    call(0)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    least, most = CALLS
    while len(taken) < least or (time.perf_counter() < end and len(taken) < most):
        started = time.thread_time()
        call(len(taken) + 1)
        taken.append(time.thread_time() - started)
    return median(taken)


ASSUMPTIONS: Sequence[str] = (
    "A live call: the text model reads one text, the history becomes a vector, a product scores all items.",
    "It leaves out item transitions, filters, patches, the network, and idle cores: a live service needs more.",
    "Vectors of all items are in the memory of every process that serves.",
    "A night and its lookups: the core-hours of the receipts, and one stored list a call.",
)
"""For whoever reads the figures."""
