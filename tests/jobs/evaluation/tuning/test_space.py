"""What is searched, and that a preset that was found can be written down."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.config import presets
from jobs.config.learning import EmbedConfig, TrainConfig
from jobs.config.presets.settings import Preset, read
from jobs.config.toml import fill
from jobs.evaluation.tuning.preset_file import preset_file
from jobs.evaluation.tuning.space import SPACE, SettingKind, changed, space, value

TRANSITIONS = {"train.follow", "train.follow_ridge", "train.follow_shrink"}
REPEATING = {"train.odds", "train.even"}
FIRST = {"train.first", "train.first_popular"}


def keys(preset: Preset, texts: bool = True) -> set[str]:
    return set(space(SettingKind(preset, texts)))


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_lies_in_its_own_space(name):
    preset = read(name)
    bounds = space(SettingKind(preset, texts=True))
    own = {key: value(preset, key) for key in bounds}
    assert all(bounds[key].low <= number <= bounds[key].high for key, number in own.items())
    assert changed(preset, own) == preset


def test_only_what_matters_for_a_kind_of_shop_is_searched():
    nobody, ordered, unordered = (
        Preset(TrainConfig(follow=0.0)),
        Preset(TrainConfig(follow=3.0)),
        Preset(TrainConfig(follow=3.0, ordered=False)),
    )
    assert keys(ordered) - keys(nobody) == TRANSITIONS
    assert keys(unordered) - keys(ordered) == {"train.follow_power"}
    assert keys(ordered) - keys(ordered, texts=False) == {"embed.weight"}
    assert keys(Preset(embed=EmbedConfig(weight=0.0))) == keys(Preset(), texts=False)
    assert keys(nobody) - keys(Preset(TrainConfig(follow=0.0, repeat=0.0))) == REPEATING
    assert keys(Preset()) - keys(Preset(TrainConfig(first=0.0, first_popular=0.0))) == FIRST
    assert "train.weight_decay" not in keys(Preset(TrainConfig(weight_decay=0.0)))


def test_bounds_are_widened_to_the_presets_own_value():
    bounds = space(SettingKind(Preset(TrainConfig(temperature=3.0, popularity=-1.0)), texts=False))
    assert (bounds["train.temperature"].low, bounds["train.temperature"].high) == (0.05, 3.0)
    assert (bounds["train.popularity"].low, bounds["train.popularity"].high) == (-1.0, 1.5)


@settings(deadline=None)
@given(st.data(), st.sampled_from(presets.names()))
def test_the_file_that_is_written_is_what_was_tried(data, name):
    start = read(name)
    tried = data.draw(st.lists(st.sampled_from(SPACE), unique=True))
    found = changed(start, {one.key: data.draw(st.floats(one.low, one.high)) for one in tried})
    text = preset_file(presets.text(name), {one.key: value(found, one.key) for one in tried}, ["a note", "another"])
    assert fill(Preset, tomllib.loads(text), "", "") == found
    assert [line for line in text.splitlines() if line.startswith("# tuned: ")] == [
        "# tuned: a note",
        "# tuned: another",
    ]


def test_comments_stay_and_notes_are_replaced():
    old = "# A kind\n# tuned: once\n\n[train]\nepochs = 3 # few\n# fading of ages\nfollow = 2.0\nfollow_ridge = 5.0\n"
    found = preset_file(
        old, {"train.follow": 7.5, "train.epochs": 4, "embed.weight": 0.25, "train.start": 0.1}, ["twice"]
    )
    assert found == (
        "# A kind\n# tuned: twice\n\n[train]\nepochs = 4\n# fading of ages\nfollow = 7.5\nfollow_ridge = 5.0\n"
        "start = 0.1\n\n[embed]\nweight = 0.25\n"
    )
