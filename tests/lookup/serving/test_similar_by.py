"""Items that are similar in one part of the vectors alone: by look, by text, by behaviour."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lookup
from lookup.release.reader import Release
from tests.releases import make_release
from tests.run_tables import Sizes

SIZES = Sizes(items=40, users=4, dimensions=12, look=3)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("looks")
    make_release(base, seed=5, sizes=SIZES)
    return base / "releases"


@pytest.fixture
def shop(releases: Path) -> Iterator[lookup.Shop]:
    shop = lookup.open(releases)
    yield shop
    shop.close()


@pytest.mark.parametrize("by", ["look", "text", "behaviour"])
def test_the_nearest_in_a_part_come_first_whatever_the_others_say(shop: lookup.Shop, by: str) -> None:
    release = Release(shop._live.follower.folder / shop.release.id)
    row, part = release.find_item("item-5"), release.item_vector[:, release.encoder.place(by)]
    unit = part / np.linalg.norm(part, axis=1, keepdims=True)
    cosines = unit @ unit[row]
    shown = [place for place in np.argsort(-cosines) if place != row and release.item_in_stock[place]]
    hits = shop.similar("item-5", 6, by=by)
    assert [hit.item_id for hit in hits] == [release.items.id(place) for place in shown[:6]]
    np.testing.assert_allclose([hit.score for hit in hits], cosines[shown[:6]], atol=1e-5)
    assert {hit.source for hit in hits} == {"similar"}


def test_other_conditions_hold_as_well(shop: lookup.Shop) -> None:
    best = [hit.item_id for hit in shop.similar("item-5", 4, by="look")]
    assert [hit.item_id for hit in shop.similar("item-5", 3, by="look", exclude=best[:1])] == best[1:4]
    cheap = shop.similar("item-5", 5, by="look", where=lookup.price(high=5))
    assert all(shop.item(hit.item_id)["price"] <= 5 for hit in cheap if hit.source == "similar")  # type: ignore[index]


def test_what_the_release_does_not_have(shop: lookup.Shop) -> None:
    with pytest.raises(ValueError, match=r"by is 'smell'; the vectors of release .* have behaviour, text, look"):
        shop.similar("item-5", by="smell")
    assert shop.similar("nothing", 3, by="look") == shop.popular(3)


def test_what_looks_as_a_vector_of_the_model_says(shop: lookup.Shop) -> None:
    """The release's basis keeps the first three of six coordinates."""
    release = Release(shop._live.follower.folder / shop.release.id)
    look = release.item_vector[:, release.encoder.place("look")]
    asked = np.array([0.5, -1.0, 0.25])
    cosines = look @ asked / np.linalg.norm(look, axis=1) / np.linalg.norm(asked)
    shown = [place for place in np.argsort(-cosines) if release.item_in_stock[place]]
    hits = shop.looks_like([*asked.tolist(), 7.0, 8.0, 9.0], 5)
    assert [hit.item_id for hit in hits] == [release.items.id(place) for place in shown[:5]]
    np.testing.assert_allclose([hit.score for hit in hits], cosines[shown[:5]], atol=1e-5)
    assert shop.looks_like([0.0] * 6, 3) == shop.popular(3)
    for wrong in ([1.0] * 3, [float("nan")] * 6):
        with pytest.raises(ValueError, match="6 finite numbers expected"):
            shop.looks_like(wrong)


def test_an_item_of_today_looks_as_its_labels_say(shop: lookup.Shop) -> None:
    """No vision model runs by day; the night fitted what words and categories say of a look."""
    shop.patch_item("new", title="größe", category=["FOOD"])
    assert {hit.source for hit in shop.similar("new", 3, by="look")} == {"similar"}
    assert "new" in {hit.item_id for hit in shop.similar("item-5", 60, by="look") if hit.source == "similar"}
