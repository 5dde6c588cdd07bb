"""`daybreak similar`: like an item, in one part of it, or as words say of a picture."""

import json
from pathlib import Path

import pytest

import lookup
from jobs.cli.main import main
from jobs.models.content.picture_encoder import PictureEncoder
from tests.pictures import clip_model
from tests.releases import make_release
from tests.run_tables import Sizes

TOML = """
[items]
files = "i.csv"
item_id = "i"
image = "picture"
[images]
model = "./clip"
precision = "float32"
[[events]]
files = "e.csv"
user_id = "u"
item_id = "i"
time = "t"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a shop with pictures, and a model like CLIP whose vectors its release can take."""
    folder = tmp_path_factory.mktemp("looks")
    make_release(folder, seed=5, sizes=Sizes(items=20, users=2, dimensions=12, look=3))
    clip_model(folder / "clip")
    (folder / "daybreak.toml").write_text(TOML)
    return folder / "daybreak.toml"


def ids(shop: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert main(["similar", *words, "-k", "4", "--json", "--config", str(shop)]) == 0
    return [json.loads(line)["item_id"] for line in capsys.readouterr().out.splitlines()]


def test_by_one_part(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader = lookup.open(shop.parent / "releases")
    for by in ("look", "text"):
        assert ids(shop, capsys, "item-5", "--by", by) == [hit.item_id for hit in reader.similar("item-5", 4, by=by)]


def test_words_find_pictures(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader = lookup.open(shop.parent / "releases")
    vector = PictureEncoder(str(shop.parent / "clip"), precision="float32").encode_texts(["red"])[0]
    assert ids(shop, capsys, "--words", "red") == [hit.item_id for hit in reader.looks_like(vector, 4)]


def test_what_is_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["item-5", "--words", "red"]):
        assert main(["similar", *words, "--config", str(shop)]) == 2
        assert "one of ITEM and --words is expected" in capsys.readouterr().err
