"""The configuration: what is read, and that every mistake is named."""

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from jobs.config import presets
from jobs.config.loader import load
from jobs.config.presets import settings
from jobs.errors import ConfigError
from jobs.infra.files import resolve

GOOD = """
[items]
files = "items.csv"
item_id = "id"
[[events]]
files = "events.csv"
user_id = "user"
item_id = "item"
time = "at"
"""


def read(tmp_path: Path, text: str):
    (tmp_path / "d.toml").write_text(text)
    return load(tmp_path / "d.toml", date(2026, 1, 2))


def test_a_short_file_is_enough(tmp_path):
    config = read(tmp_path, GOOD)
    assert config.events[0].type == "'purchase'"
    assert config.run.root == tmp_path / "work" / "runs" / "2026-01-02"
    assert config.releases == tmp_path / "releases"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('item_id = "id"', ""), r"d.toml: items.item_id is missing"),
        (GOOD + "[topk]\nkk = 3", r"d.toml: unknown key topk.kk; expected one of k, spare, similar"),
        (GOOD + '[topk]\nk = "3"', r"d.toml: topk.k must be a whole number from 1 to 100,000, not '3'"),
        (GOOD + "[topk]\nk = 0", r"d.toml: topk.k must be a whole number from 1 to 100,000, not 0"),
        (GOOD + '[topk]\nbought = "never"', r"d.toml: topk.bought must be include, exclude or separate"),
        (GOOD + "[quality]\nmax_bad_share = 5", r"d.toml: quality.max_bad_share must be a share from 0 to 1"),
        (GOOD + "[train]\nhalf_lives = [7.0]", r"d.toml: train.fading must be a list of parts, one for each of"),
        (GOOD + "[train]\nfading = [0, 0, 0, 0]", r"d.toml: train.fading must be a list of parts, .* not all 0"),
        (
            GOOD + "[train]\nfading = [1, 1, 1, -1]",
            r"d.toml: train.fading\[3\] must be a number from 0 to 1,000,000, not -1",
        ),
        (GOOD + "[train]\nown_dropout = 1.0", r"d.toml: train.own_dropout must be a share from 0 to less than 1"),
        (GOOD + "[train]\nkept = 1.5", r"d.toml: train.kept must be a share from 0 to 1"),
        (GOOD + "[train]\nkept = -0.1", r"d.toml: train.kept must be a share from 0 to 1"),
        (GOOD + "[embed]\ncold_bias = 1.1", r"d.toml: embed.cold_bias must be a share from 0 to 1"),
        (GOOD + "[train]\nrepeat = -1", r"d.toml: train.repeat must be a number from 0 to 1,000,000, not -1"),
        (GOOD + "[train]\nrepeat = true", r"d.toml: train.repeat must be a number from 0 to 1,000,000, not true"),
        (
            GOOD + "[train]\ntemperature = 0.0",
            r"d.toml: train.temperature must be a number more than 0 and at most 1,000, not 0.0",
        ),
        (GOOD + "[train]\nheads = 0", r"d.toml: train.heads must be a whole number from 1 to 64, not 0"),
        (GOOD + '[weights]\nview = "much"', r"d.toml: weights.view must be a number from 0 to 1,000,000, not 'much'"),
        (GOOD.replace("[[events]]", "[[event]]"), r"d.toml: unknown key event; expected one of items, events"),
        ("[items", r"d.toml: not readable as TOML"),
        ('preset = "grocer"' + GOOD, r"d.toml: preset must be one of auto, repeat, sequence, sparse, not 'grocer'"),
        (
            GOOD + '\n[train]\nfrom = "other.model"',
            r"d.toml: train.from begins with another shop's model: name the preset",
        ),
        ("preset = 3" + GOOD, r"d.toml: preset must be one of auto, repeat, sequence, sparse, not 3"),
        ('preset = "sequence"\ntrain = 3' + GOOD, r"d.toml: train must be a table, not 3"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_the_bounds_of_a_share_and_of_a_weight_are_allowed(tmp_path):
    for kept in (0.0, 1.0):
        train = read(tmp_path, GOOD + f"[train]\nkept = {kept}\nrepeat = 0").train
        assert (train.kept, train.repeat) == (kept, 0.0)


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_is_what_a_night_of_its_name_has(tmp_path, name):
    night, preset = read(tmp_path, f'preset = "{name}"{GOOD}'), settings.read(name)
    assert (night.preset, night.train, night.embed) == (name, preset.train, preset.embed)


@pytest.mark.parametrize("head", ["", 'preset = "auto"'])
def test_a_file_without_a_preset_leaves_it_to_the_night(tmp_path, head):
    night = read(tmp_path, head + GOOD + "[train]\nepochs = 3\n[embed]\nmax_tokens = 32\n")
    assert (night.preset, night.train.epochs) == (presets.AUTO, 3)
    chosen, named = night.as_kind("sequence"), settings.read("sequence")
    assert chosen.train == dataclasses.replace(named.train, epochs=3)
    assert chosen.embed == dataclasses.replace(named.embed, max_tokens=32)
    assert chosen.as_kind("sparse") is chosen  # it is no longer open


def test_the_keys_of_the_file_win_over_those_of_its_preset(tmp_path):
    text = 'preset = "sequence"' + GOOD + "[train]\nepochs = 3\n[embed]\nmax_tokens = 32\n[topk]\nk = 7\n"
    night, preset = read(tmp_path, text), settings.read("sequence")
    assert night.train == dataclasses.replace(preset.train, epochs=3)
    assert night.embed == dataclasses.replace(preset.embed, max_tokens=32)
    assert night.train != read(tmp_path, GOOD).train
    assert night.topk.k == 7


def test_a_file_of_windows_is_read(tmp_path):
    (tmp_path / "d.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(tmp_path / "d.toml", date(2026, 1, 2)).items.files == "items.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 3000 + "]" * 3000 + GOOD, "not readable as TOML"),
        ("a = " + "9" * 5000 + GOOD, "not readable as TOML"),
        ("é".encode("latin-1").decode("utf-8", "surrogateescape"), "not readable as TOML"),
        (
            GOOD + '[shop]\nreleases = "a\\u0000"',
            r"shop.releases must be a text without the character NUL, not 'a\\x00'",
        ),
        (GOOD + "[shop]\nname = 2026-01-01", r"shop.name must be a text, not 2026-01-01$"),
        (r'"a\n\u001b" = 1' + GOOD, r"unknown key 'a\\n\\x1b'; expected one of"),
        ('"" = 1' + GOOD, "unknown key ''; expected one of"),
        ("k" * 1000 + " = 1" + GOOD, "unknown key k{80}; expected one of"),
        ("".join(f"k{n} = 1\n" for n in range(30)) + GOOD, "unknown key k19; .*\n.*: 10 more mistakes$"),
    ],
)
def test_a_mistake_of_any_size_has_a_short_message(tmp_path, text, message):
    (tmp_path / "d.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path / "d.toml", date(2026, 1, 2))
    assert len(str(caught.value)) < 10_000


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"none.toml: there is no such file; `daybreak init DIR` writes one"):
        load(tmp_path / "none.toml", date(2026, 1, 2))


def test_a_path_may_lie_in_a_package(tmp_path):
    assert resolve("package://jobs/config/config.py", tmp_path).exists()
    assert resolve("x/y", tmp_path) == tmp_path / "x" / "y"
    with pytest.raises(ConfigError, match="package 'no_such_package' is not installed"):
        resolve("package://no_such_package/x", tmp_path)
