"""`daybreak pretrain`, and `daybreak evaluate --from`, as a person uses them: one set teaches another."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.cli.main import main
from jobs.models.pretrained.store import Pretrained
from tests.jobs.models.tiny_encoder import ITEMS


def write_set(folder: Path, texts: list[str], seed: int) -> Path:
    """Users who take six items each, of which the text says nothing."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    lines = [" ".join(map(str, [user, *(rng.permutation(len(texts))[:6] + 1)])) for user in range(30)]
    (folder / "sequences.txt").write_text("\n".join(lines) + "\n")
    pl.DataFrame({"item": range(1, len(texts) + 1), "text": texts}).write_parquet(folder / "items.parquet")
    return folder


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sets")
    return write_set(folder / "old", ITEMS, 1), write_set(folder / "new", [f"small {text}" for text in ITEMS[:15]], 2)


@pytest.fixture(scope="module")
def taught(sets) -> Path:
    file = sets[0].parent / "old.model"
    assert main(["pretrain", str(sets[0]), str(sets[1]), "--preset", "sequence", "--out", str(file)]) == 0
    return file


def test_the_model_tells_counts_and_no_name(taught):
    made = Pretrained.read(taught)
    assert [(one.users, one.items, one.events) for one in made.sources] == [(30, len(ITEMS), 120), (30, 15, 120)]
    assert made.alike in (4.0, 8.0, 16.0, 32.0, 64.0)
    content = taught.read_bytes()
    assert not [word for word in (b"sofa", b"small", b"sequences", b"old.model") if word in content]
    assert taught.stat().st_mode & 0o077 == 0


def rows(capsys, *words: str) -> dict[str, dict]:
    assert main(["evaluate", *words, "--json"]) == 0
    return {row["method"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}


def test_a_preset_is_measured_with_it_and_without(sets, taught, capsys):
    words = [str(sets[1]), "--preset", "sequence", "--from", str(taught), "--methods", "text-similarity"]
    some = rows(capsys, *words, "--share", "0.5")
    assert list(some) == ["text-similarity", "daybreak sequence", "daybreak sequence from another shop"]
    none = rows(capsys, *words, "--share", "0")
    assert list(none) == ["text-similarity", "daybreak sequence from another shop"]
    for method, row in none.items():
        assert 0 < row["masked"]["all"]["metrics"]["recall@10"] <= 1, method
        assert row["masked"]["all"]["users"] == some[method]["masked"]["all"]["users"]  # all are measured


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--share", "1.5"], "--share must be from 0 to 1; it is 1.5"),
        (["--share", "0"], "--share 0 leaves nothing to learn from"),
        (["--from", "none.model"], "none.model: there is no such file"),
    ],
)
def test_what_cannot_be_is_told(sets, capsys, words, said):
    assert main(["evaluate", str(sets[1]), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_set_without_texts_teaches_nothing(tmp_path, capsys):
    folder = write_set(tmp_path / "ids", [""] * 12, 3)
    words = ["pretrain", str(folder), "--preset", "sequence", "--out", str(tmp_path / "a.model")]
    assert main(words) == 3
    assert "ids: no item has a text" in capsys.readouterr().err
    assert main([*words[:-1], str(tmp_path / "nowhere" / "a.model")]) == 2
    assert not (tmp_path / "a.model").exists()
