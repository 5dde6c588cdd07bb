"""The ranker of a run in its release: read back as it was learned, and a patched price moves what it says."""

import json

import numpy as np
import pytest

from jobs import build
from lookup import features
from lookup.errors import ReleaseError
from lookup.ranker import Weights
from lookup.release import Release
from tests.releases import Sizes, config_at, write_run

SIZES = Sizes(items=20, users=6)


def weights(hidden: int = 2) -> Weights:
    """A ranker of which conversions after a click have twice the odds at 3/4 of the usual price; clicks are certain."""
    count = len(features.NAMES)
    direct = np.zeros((count, 2), dtype=np.float32)
    direct[features.NAMES.index("price_cut"), 1] = np.log(2) / 0.25
    none = np.zeros((count, hidden), dtype=np.float32)
    bias = np.array([40.0, np.log(0.25)], dtype=np.float32)
    parts = (np.zeros(count), np.ones(count), none, np.zeros(hidden), direct, np.zeros((hidden, 2)), bias)
    return Weights(*(np.asarray(part, dtype=np.float32) for part in parts))


def made(folder, facts=None):
    """A release with a ranker, and its configuration."""
    config = config_at(folder, sizes=SIZES)
    write_run(config, 0, SIZES)
    with config.run.replacing("ranker") as path:
        path.mkdir()
        np.save(path / "ranker.npy", weights().flat())
        np.save(path / "usual_price.npy", np.full(SIZES.items, 4.0, dtype=np.float32))
        about = {"features": list(features.NAMES), "hidden": 2, **(facts or {})}
        metrics = [{"method": "ranker", "metric": "conversion auc", "value": 0.75, "users": 6}]
        (path / "ranker.json").write_text(json.dumps({"about": about, "metrics": metrics}))
    return config, build.run(None, config)["release"]


def test_a_patched_price_gives_the_probability_worked_out_by_hand(tmp_path):
    """One impression in five is bought at 4.00: odds of 1 to 4. At 3.00 the odds are 1 to 2: one in three."""
    config, release_id = made(tmp_path)
    release = Release(config.releases / release_id, verify=True)
    usual = release.item_usual_price[:2]
    rows = features.matrix(
        score=np.zeros(2),
        price=np.array([4.0, 3.0]),  # the second is patched
        usual_price=usual,
        in_stock=1.0,
        popularity=release.item_popularity[:2],
        days_since=np.nan,
        times=0.0,
        hour=9.0,
        weekday=1.0,
    )
    assert release.ranker is not None
    assert release.ranker.score(rows) == pytest.approx([0.2, 1 / 3], rel=1e-5)
    assert release.ranker.contributions(rows[1], rows[0])["discount"] == pytest.approx(np.log(2), rel=1e-5)
    assert {"method": "ranker", "metric": "conversion auc", "value": 0.75, "users": 6} in release.manifest.metrics


def test_a_run_without_a_ranker_makes_a_release_without(tmp_path):
    config = config_at(tmp_path, sizes=SIZES)
    write_run(config, 0, SIZES)
    release = Release(config.releases / build.run(None, config)["release"])
    assert release.ranker is None
    assert np.isnan(release.item_usual_price).all()


def test_a_ranker_of_other_features_is_refused_by_the_name_of_its_file(tmp_path):
    with pytest.raises(ReleaseError, match=r"arrays/ranker.npy: the manifest's ranker has features \['score'\]"):
        made(tmp_path, {"features": ["score"]})
