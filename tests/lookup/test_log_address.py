"""What is shown of the address of a log, and what is taken for one: no spelling of a URL gives its password away."""

from pathlib import Path

import pytest

from lookup.errors import LogError
from lookup.log_address import clean_url, is_url, redacted, without_passwords
from lookup.patches.patch_log import open_log

WELL_FORMED = {
    "redis://:hush-7@cache:6379/0": "redis://cache:6379/0",
    "redis://shop:hush-7@cache": "redis://cache",
    "REDISS://shop:hush-7@cache:6380/2": "rediss://cache:6380/2",
    "  Redis://shop:hush-7@cache/1\n": "redis://cache/1",
    "redis://cache:6379/0?password=hush-7&db=2": "redis://cache:6379/0",
    "redis://shop:hush-7@[::1]:6379/0": "redis://[::1]:6379/0",
    "unix://shop:hush-7@/run/redis.sock?db=1": "unix:///run/redis.sock",
}
ILL_FORMED = [
    "redis://shop:a/hush-7@cache:6379/0",
    "redis://shop:5/hush-7@cache:6379/0",
    "redis://shop:5#hush-7@cache:6379/0",
    "redis://shop:5?hush-7@cache:6379/0",
    "redis://shop:a@hush-7@cache:6379/0",
    "redis://shop:a hush-7@cache:6379/0",
    "redis://cache:6379/0?password=hush-7@x",
    "redis://:hush-7/cache:6379",
    "redis://shop:hush-7@cache:port/0",
    "redis:/shop:hush-7@cache/0",
    "redis:shop:hush-7@cache/0",
    "Valkey://shop:hush-7@cache/0",
    "mysql://shop:hush-7@cache/0",
]


@pytest.mark.parametrize("url", WELL_FORMED)
def test_a_url_is_shown_without_user_password_and_query(url: str) -> None:
    assert redacted(url) == WELL_FORMED[url]
    clean = clean_url(url)
    assert clean is not None
    assert clean.partition(":")[0] in ("redis", "rediss", "unix")
    assert clean.partition(":")[2] == url.strip().partition(":")[2]


@pytest.mark.parametrize("url", ILL_FORMED)
@pytest.mark.parametrize("kind", [str, Path])
def test_of_a_url_that_can_be_misread_no_part_is_shown_and_no_file_is_made(
    url: str, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_url(kind(url))
    with pytest.raises(
        LogError, match="a path or a URL expected, such as redis://user:password@host:port/db"
    ) as caught:
        open_log(kind(url))
    assert "hush" not in redacted(url) + str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["redis//shop:hush-7@cache/0", "//redis://shop:hush-7@cache/0", " redis : hush-7"])
def test_what_only_resembles_a_url_is_not_shown_either(text: str) -> None:
    assert is_url(text)
    assert "hush" not in redacted(text)


@pytest.mark.parametrize("path", ["patches.sqlite", "/var/lib/shop/a:b@c.sqlite", "redis.sqlite", "./redis/log"])
def test_a_path_is_shown_as_it_is(path: str) -> None:
    assert not is_url(path)
    assert redacted(path) == path


def test_a_message_loses_the_passwords_of_its_urls() -> None:
    told = without_passwords("no option (REDIS://shop:a/hush-7@cache:1/0), nor 'redis:/x:hush-7@cache', but a@b")
    assert told == "no option (REDIS://…@cache:1/0), nor 'redis:/…@cache', but a@b"
