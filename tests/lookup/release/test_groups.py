"""Groups of variants in a release, as the golden releases have them."""

from pathlib import Path

import numpy as np
import pytest

import lookup
from lookup.release import pointer
from lookup.release.arrays import file_name
from lookup.release.reader import Release
from lookup.release.schema import NONE
from tests.golden_release import unpack


def test_the_items_of_each_group(tmp_path: Path) -> None:
    releases = unpack(6, tmp_path)
    release = Release(releases / pointer.read(releases))
    assert len(release.groups) == release.manifest.dims["J"] > 3
    for row, code in enumerate(release.item_group.tolist()):
        assert release.record(row)["group"] == (None if code == NONE else release.groups.id(code))
    for code in range(len(release.groups)):
        assert release.group_rows(code) == np.flatnonzero(release.item_group == code).tolist()
    assert release.group_rows(len(release.groups)) == []  # of today


@pytest.mark.parametrize("wrong", [-1, 30])
def test_an_item_of_a_group_that_does_not_exist_is_damage(tmp_path: Path, wrong: int) -> None:
    releases = unpack(6, tmp_path)
    values = np.load(releases / pointer.read(releases) / file_name("group_item"), mmap_mode="r+")
    values[-1] = wrong
    values.flush()
    with pytest.raises(lookup.ReleaseError, match=rf"group_item\.npy: it holds row {wrong}; rows from 0 to 29"):
        lookup.open(releases)


def test_an_older_release_has_no_groups_until_patches_state_some(tmp_path: Path) -> None:
    shop = lookup.open(unpack(5, tmp_path))
    hits = shop.popular(4)
    assert {(hit.group, hit.variants) for hit in hits} == {(None, 1)}
    assert shop.popular(4, where=lookup.group("g")) == []
    shop.patch_items({"item_id": hit.item_id, "group": "g"} for hit in hits[:2])
    assert [hit.item_id for hit in shop.popular(2)] == [hits[0].item_id, hits[2].item_id]
    assert (shop.popular(1)[0].group, shop.popular(1)[0].variants) == ("g", 2)
