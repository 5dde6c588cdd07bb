"""Pruning a table: tokens go whose pieces point nearly where they do, or that hardly a text holds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.models.query_encoder.distil import Bags
from jobs.models.query_encoder.table import Matrix, TokenTable, units
from lookup.scoring.query_encoder import BETWEEN, INSIDE

BLOCK = 8192


def worth(table: TokenTable, texts: Sequence[Sequence[str]], targets: Matrix) -> NDArray[np.float64]:
    """Return what each token is worth, float64 (Q,): how much cosine to the targets all texts lose without it.

    A word that is gone is read in pieces. It may be below zero, for a token that does harm. A single letter or digit is
    infinitely worth keeping: without it, words would lose parts. texts: lists of words. targets: (n, E), of length 1.
    """
    bags = Bags.of([table.rows(words) for words in texts])
    text = np.repeat(np.arange(len(texts)), np.diff(bags.offsets))
    instead = np.stack([table.vectors[table.without(token)].sum(axis=0) for token in table.tokens])
    sums = np.zeros((len(texts), table.vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, text, table.vectors[bags.rows])
    cosines = (units(sums) * targets).sum(axis=1)
    lost = np.zeros(len(table.tokens))
    for start in range(0, len(text), BLOCK):
        here, rows = text[start : start + BLOCK], bags.rows[start : start + BLOCK]
        left = units(sums[here] - table.vectors[rows] + instead[rows])
        np.add.at(lost, rows, cosines[here] - (left * targets[here]).sum(axis=1))
    lost[[len(token.removeprefix(INSIDE)) == 1 and token != BETWEEN for token in table.tokens]] = np.inf
    return lost


def prune(table: TokenTable, texts: Sequence[Sequence[str]], targets: Matrix, keep: int) -> TokenTable:
    """Return the table of the `keep` tokens that are worth most, and of all letters and digits, in the old order.

    What pieces have to say changes with what they stand for: train the result some more (`distil`).
    """
    lost = worth(table, texts, targets)
    best = np.argsort(-lost, kind="stable")[: max(keep, int(np.isinf(lost).sum()))]
    kept = np.sort(best)
    return TokenTable([table.tokens[row] for row in kept], table.vectors[kept])
