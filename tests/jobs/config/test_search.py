"""The sections of search, and the files that they name."""

import re
from datetime import date
from pathlib import Path

import pytest

from jobs.config.config import Config
from jobs.config.loader import load
from jobs.errors import ConfigError

TOML = """
[items]
files = "items.csv"
item_id = "id"
[[events]]
files = "events.csv"
user_id = "user"
item_id = "item"
time = "at"
[searches]
files = "log.csv"
query = "words"
time = "at"
"""


def read(folder: Path, more: str) -> Config:
    (folder / "d.toml").write_text(TOML + more)
    return load(folder / "d.toml", date(2026, 1, 2))


def test_one_table_of_searches_is_a_list_of_one(tmp_path):
    config = read(tmp_path, '[search]\nlanguages = ["german", "chinese"]\nmost_queries = 0\n')
    assert [one.type for one in config.searches] == ["'click'"]
    assert config.search.languages == ["german", "chinese"]
    assert (config.synonyms, config.redirects) == ([], [])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("type = \"'clicked'\"", "searches[0].type must be a column, or one of 'shown', 'click', 'purchase', not"),
        ('words = "q"', "unknown key searches[0].words; expected one of files, query, time"),
        ('time_format = "%Y"', "searches[0].time_format must be"),
        ("[search]\nlanguages = ['english', 'klingon']", "search.languages[1] must be one of arabic, armenian"),
        ("[search]\nlanguages = 'english'", "search.languages must be a list, not 'english'"),
        ("[search]\nmost_queries = -1", "search.most_queries must be a whole number from 0 to 1,000,000, not -1"),
        ("[search]\ndays = 0", "search.days must be whole days from 1 to 36,500, not 0"),
        ("[search]\nenabled = 1", "search.enabled must be true or false, not 1"),
        ("[search]\nsynonyms = ''", "search.synonyms must be a text that is not empty, not ''"),
    ],
)
def test_mistakes_are_named(tmp_path, more, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        read(tmp_path, more)


def test_the_files_of_a_shop_are_read(tmp_path):
    config = read(tmp_path, '[search]\nsynonyms = "s.txt"\nredirects = "r.csv"\n')
    (tmp_path / "s.txt").write_bytes("\ufeffmug, cup\r\n# ours\r\nmobile => phone\n".encode())
    (tmp_path / "r.csv").write_text('Target,note,query\n/sale,,Sale\n\n"Home > Mugs",x," cups, mugs "\n/sale,,sale\n')
    assert config.synonyms == ["mug, cup", "# ours", "mobile => phone", ""]
    assert [tuple(one) for one in config.redirects] == [(2, "Sale", "/sale"), (4, "cups, mugs", "Home > Mugs")]


TARGETS = "and without blanks, a path that begins with /, or a category expected"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"words;target\nsale;/sale\n", "its first line must name the columns query,target, not ['words', 'target']"),
        (b"", "its first line must name the columns query,target, not []"),
        (b"query,target\nsale\n", "line 2: has no target"),
        (b"query,target\n,/sale\n", "line 2: has no query"),
        (b"query,target\nsale,/a\nSALE,/b\n", "line 3: 'SALE' leads elsewhere in line 2"),
        (b'query,target\n"sale,/a\n', "line 2: is no line of a CSV file (unexpected end of data)"),
        (b"query,target\n\n%s,/a\n" % (b"x" * 1001), "line 3: query and target have at most 1,000 characters"),
        *(
            (b"query,target\nsale,%s\n" % target, f"line 2: target: a URL with http:// or https:// {TARGETS}")
            for target in (b"javascript:alert(1)", b"JavaScript://x", b"data:text/html", b"ftp://a", b"https://a/b c")
        ),
        (b"query,target\ncaf\xe9,/a\n", "line 2: is not UTF-8; save the file as UTF-8"),
        (b"query,target\na\0,/a\n", "line 2: holds a character NUL"),
        (None, "r.csv: not readable: No such file or directory"),
    ],
)
def test_a_wrong_file_is_told_with_the_line(tmp_path, data, message):
    config = read(tmp_path, '[search]\nredirects = "r.csv"\n')
    if data is not None:
        (tmp_path / "r.csv").write_bytes(data)
    with pytest.raises(ConfigError) as error:
        _ = config.redirects
    assert str(error.value).startswith(f"search.redirects: {tmp_path}/r.csv")
    assert message in str(error.value)
