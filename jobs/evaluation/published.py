"""Published figures of public sets, by the name of the set's folder.

They are of the test part, with all items ranked and the history masked.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """The figures of a paper's method on a set."""

    source: str
    metrics: dict[str, float]


def _at(length: int, source: str, recall: float, ndcg: float) -> Published:
    return Published(source, {f"recall@{length}": recall, f"ndcg@{length}": ndcg})


PUBLISHED: dict[str, list[Published]] = {
    "amazon-beauty": [
        _at(10, "SASRec, in the TIGER paper", 0.0605, 0.0318),
        _at(10, "S3-Rec, in the TIGER paper", 0.0647, 0.0327),
        _at(10, "TIGER (NeurIPS 2023)", 0.0648, 0.0384),
        _at(10, "ActionPiece (ICML 2025)", 0.0775, 0.0424),
        _at(10, "SASRec with full softmax, a third party's", 0.0897, 0.0539),
        _at(10, "HSTU, in the eSASRec paper", 0.0788, 0.0439),
        _at(10, "SASRec with sampled softmax, in the eSASRec paper", 0.0921, 0.0531),
        _at(10, "eSASRec (arXiv 2508.06450)", 0.0928, 0.0523),
    ],
    "amazon-toys": [
        _at(10, "SASRec, in the TIGER paper", 0.0675, 0.0374),
        _at(10, "S3-Rec, in the TIGER paper", 0.0700, 0.0376),
        _at(10, "TIGER (NeurIPS 2023)", 0.0712, 0.0432),
        _at(10, "SASRec with sampled softmax, in the eSASRec paper", 0.0970, 0.0580),
    ],
    "gowalla": [
        _at(20, "LightGCN (SIGIR 2020)", 0.1830, 0.1554),
        _at(20, "UltraGCN (CIKM 2021)", 0.1862, 0.1580),
        _at(20, "SimpleX (CIKM 2021)", 0.1872, 0.1557),
        _at(20, "BSPM (SIGIR 2023)", 0.1920, 0.1597),
        _at(20, "ChebyCF (SIGIR 2025)", 0.1941, 0.1616),
    ],
}
