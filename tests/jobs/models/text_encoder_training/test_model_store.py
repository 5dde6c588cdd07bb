"""Fine-tuned models on disk: whole or not at all, of one day and one base, and pruned."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.errors import MissingStepError
from jobs.models.behaviour import model_store as behaviour
from jobs.models.text_encoder_training import model_store as store
from jobs.releases.prune_work import prune_text_models
from tests.releases import config_at

DAY = date(2026, 11, 22)


def trained(models: Path, day: date, says: str = "a", base: str = "base") -> store.TextModel:
    """A training of a day; kept where it says something."""
    folder = store.new_folder(models, day)
    (folder / "texts.parquet").write_text("material")
    if says:
        (folder / store.MODEL).mkdir()
        (folder / store.MODEL / "config.json").write_text(says)
    return store.finish(folder, day, base, bool(says), {"changes": []})


def test_the_newest_kept_one_of_the_same_base_is_used(tmp_path: Path) -> None:
    first = trained(tmp_path, DAY)
    trained(tmp_path, DAY + timedelta(days=1), says="")
    trained(tmp_path, DAY + timedelta(days=2), base="other")
    later = trained(tmp_path, DAY + timedelta(days=3), says="b")
    assert store.newest(tmp_path, DAY + timedelta(days=2), "base") == first
    assert store.newest(tmp_path, DAY + timedelta(days=3), "base") == later
    assert store.newest(tmp_path, DAY - timedelta(days=1), "base") is None
    assert [one.kept for one in store.trainings(tmp_path, later.day, "base")] == [True, False, True]
    assert [path.name for path in first.path.iterdir() if path.is_file()] == [store.FACTS]


def test_a_day_has_one_training(tmp_path: Path) -> None:
    old = trained(tmp_path, DAY)
    assert trained(tmp_path, DAY) == old
    new = trained(tmp_path, DAY, says="b")
    assert new.id != old.id
    assert store.trainings(tmp_path, DAY, "base") == [new]


def test_two_nights_train_at_once(tmp_path: Path) -> None:
    one, other = store.new_folder(tmp_path, DAY), store.new_folder(tmp_path, DAY + timedelta(days=1))
    (one / store.MODEL).mkdir()
    (one / store.MODEL / "config.json").write_text("a")
    store.finish(other, DAY + timedelta(days=1), "base", kept=False, facts={})
    assert store.finish(one, DAY, "base", kept=True, facts={}).kept
    assert [one.kept for one in store.trainings(tmp_path, DAY + timedelta(days=1), "base")] == [True, False]


def test_a_new_training_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (store.new_folder(tmp_path, DAY) / "half").write_text("")
    assert list(store.new_folder(tmp_path, DAY).iterdir()) == []


def test_old_ones_are_pruned_but_not_what_a_night_uses(tmp_path: Path) -> None:
    config = config_at(tmp_path, DAY + timedelta(days=9))
    kept = trained(config.models, DAY)
    for n in range(1, 5):
        trained(config.models, DAY + timedelta(days=n), says="")
    store.new_folder(config.models, DAY)
    (config.models / f"{DAY}-abcd").mkdir()
    removed = prune_text_models(config, 1)
    assert len(removed) == 3 + 1
    left = {path.name for path in config.models.iterdir()}
    assert left == {kept.id, f"text-{DAY + timedelta(days=4)}-none", f"{DAY}-abcd"}
    assert prune_text_models(replace(config, date=DAY), 1) == []


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"day": 3, "id": "a"}', '{"day": "soon", "id": "a"}'])
def test_damaged_facts_say_what_to_do(tmp_path: Path, text: str) -> None:
    """Of models of either kind."""
    folder = trained(tmp_path, DAY).path
    (folder / store.FACTS).write_text(text)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "model.json").write_text(text)
    for read, path in ((store.trainings, folder), (behaviour.newest, tmp_path / "one")):
        with pytest.raises(MissingStepError, match=r"cannot be read .*: remove the folder, and run") as error:
            read(tmp_path, DAY, "base") if read is store.trainings else read(tmp_path, DAY)
        assert str(error.value).startswith(f"{path}: ")
