"""The ranker of a run in its release: read back as it was learned, and a patched price moves what it says."""

import numpy as np
import pytest

from jobs.stages.build import job as build
from lookup.errors import ReleaseError
from lookup.release.reader import Release
from lookup.scoring import features
from tests.rankers import certain_clicks, write_ranker
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

SIZES = Sizes(items=20, users=6)


def made(folder, facts=None):
    """A release of which conversions after a click have twice the odds at 3/4 of the usual price of 4.00."""
    config = config_at(folder, sizes=SIZES)
    write_run(config, 0, SIZES)
    write_ranker(config.run, certain_clicks(np.log(0.25), hidden=2, price_cut=np.log(2) / 0.25), 4.0, facts)
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
