"""A baseline without training: a walk from the last items over the graph of transitions, towards similar items."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.problems.problem import Histories, ItemFacts, Problem
from jobs.models.attributes import Vocabulary

if TYPE_CHECKING:
    import scipy.sparse as sp


class RecentWalk:
    """Items that one or two steps reach from a user's last two items, and among them those with similar facts.

    The heuristic of Han et al., "An Embarrassingly Simple Graph Heuristic …" (arXiv 2605.07125), in a form of our own:
    T_ij is the share of item j among what follows item i directly; what goes before it counts BACK. A user's row s is 1
    at the last item and EARLIER at the one before. With the walk r = s T + s T T and the cosine f = s F Fᵀ of the
    items' attributes and words, weighted by their rarity (idf),

        score_j = WALK r_j + f_j [r_j > 0] + LEAST f_j

    Unordered data have no last item: s is 1 for each item, T counts common users, and r = s T.
    """

    name = "recent-walk"
    parameters = 0
    BACK = 0.5
    EARLIER = 0.5
    WALK = 10.0
    """It and EARLIER were chosen on the validation part of amazon-beauty."""
    LEAST = 1e-3

    def fit(self, problem: Problem) -> None:
        """Count transitions and weigh facts."""
        import scipy.sparse as sp

        self._ordered, n = problem.ordered, len(problem.items)
        if problem.ordered:
            users, items = problem.train.users, problem.train.items
            first = np.flatnonzero(users[1:] == users[:-1])
            once = np.ones(len(first), dtype=np.float32)
            after = sp.csr_array((once, (items[first], items[first + 1])), shape=(n, n))
            steps = (after + self.BACK * after.T).tocsr()
        else:
            history = problem.train.matrix(n)
            history.data[:] = 1.0
            steps = (history.T @ history).tocsr()
            steps.setdiag(0.0)
        self._steps = _rows_to(steps, np.asarray(steps.sum(1)))
        self._facts = _rare_facts(problem.items)
        self.parameters = int(self._steps.nnz + self._facts.nnz)

    def scores(self, given: Histories, at: NDArray[np.float64]) -> NDArray[np.float32]:
        """See `Method.scores`."""
        start = self._start(given)
        step = start @ self._steps
        walk = (step + step @ self._steps if self._ordered else step).toarray()
        similar = ((start @ self._facts) @ self._facts.T).toarray()
        return np.asarray(self.WALK * walk + similar * np.where(walk > 0, 1.0, self.LEAST), dtype=np.float32)

    def _start(self, given: Histories) -> "sp.csr_array":
        if not self._ordered:
            start = given.matrix(self._steps.shape[0])
            start.data[:] = 1.0
            return start
        newest = given.newest(2)
        last = np.arange(len(newest.items)) == np.repeat(newest.offsets[1:] - 1, newest.lengths)
        return newest.matrix(self._steps.shape[0], np.where(last, 1.0, self.EARLIER).astype(np.float32))


def _rare_facts(items: ItemFacts) -> "sp.csr_array":
    """Return the attributes and words of each item by their idf, each row of length 1 or empty: (N, facts)."""
    import scipy.sparse as sp

    facts = Vocabulary.of(items.attributes, items.texts).matrix(items.attributes, items.texts)
    facts.data[:] = 1.0
    rarity = np.log(len(items) / np.maximum(np.asarray(facts.sum(0)), 1.0))
    weighted = (facts @ sp.diags_array(rarity.astype(np.float32))).tocsr()
    return _rows_to(weighted, np.sqrt(np.asarray(weighted.power(2).sum(1))))


def _rows_to(matrix: "sp.csr_array", sizes: NDArray[np.floating]) -> "sp.csr_array":
    """Divide each row by its size; a row of size 0 stays."""
    import scipy.sparse as sp

    shares = 1.0 / np.where(sizes > 0, sizes, 1.0)
    return (sp.diags_array(shares.astype(np.float32)) @ matrix).tocsr().astype(np.float32)
