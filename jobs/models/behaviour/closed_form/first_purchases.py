"""What people take for the first time, in closed form: what a score gains beside the network's.

    first_popular p_i + first sum_j n_j F_ji

p is the share of item i in recent first purchases, as a multiple of the mean share of the TOP most popular items, so
that it means the same in shops of all sizes. F, in the same unit, is a sparse matrix of items, the sum of two
regressions of `jobs.models.repertoire.discovery`: one leads to the items that users take for the first time within
WINDOW days, the other to items that the same users have. n_j is what `lookup.scoring.score_parameters` says of
transitions, so F is one more of them, and p a part of the bias.

The network predicts all that users take, repeats included, and ranks what is new to a user worse than these sums do.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.config.learning import TrainConfig
from jobs.models.behaviour.closed_form.histories import WINDOW, WINDOWS, faded
from jobs.models.repertoire import discovery
from jobs.models.repertoire.discovery import DiscoveryWeights
from jobs.models.repertoire.learn import Events, examples, popularity

if TYPE_CHECKING:
    import scipy.sparse as sp

TOP = 100
HALF_LIFE = 14.0
"""In days, of popularity."""
WEIGHTS = DiscoveryWeights(next=1.0, alike=0.3)
"""These were chosen on the validation parts of two grocers' data."""


@dataclass(frozen=True)
class FirstPurchases:
    """The fitted numbers of n items."""

    popular: NDArray[np.float32]
    """p, (n,); all 0 where there are no events."""
    transitions: "sp.csr_array"
    """F, float32 (n, n), sparse."""


def fit(events: Events, items: int, settings: TrainConfig) -> FirstPurchases:
    """Fit the numbers on the events of users. items: n.

    Raises ArithmeticError when a weight of an event is not finite.
    """
    import scipy.sparse as sp

    shares = partial(_shares, items=items, settings=settings)
    before, first = examples(events, WINDOW, WINDOWS, items, shares)
    popular, no_kinds = popularity(events, HALF_LIFE, items), sp.csr_array((items, 0), dtype=np.float32)
    parts = discovery.fit(shares(events), before, first, popular, no_kinds)
    unit = float(np.sort(popular)[-TOP:].mean()) if items else 0.0
    scale = np.float32(1.0 / unit if unit > 0 else 0.0)
    return FirstPurchases(popular * scale, parts.weighted(WEIGHTS).transitions * scale)


def _shares(events: Events, items: int, settings: TrainConfig) -> "sp.csr_array":
    """n_j of each item of a user at the end, float32 (U, items): `ScoreParameters.transition_shares`, for many."""
    import scipy.sparse as sp

    left, users = faded(events, settings, settings.fading), events.users
    total = np.maximum(np.bincount(users, left, minlength=len(events.ends)), 1e-12)
    values = (left / total[users] ** settings.follow_power).astype(np.float32)
    return sp.csr_array((values, (users, events.items)), shape=(len(events.ends), items))
