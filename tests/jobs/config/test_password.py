"""The password of the log comes from a variable or a file, and never into a message."""

from datetime import date
from pathlib import Path

import pytest

from jobs.config.loader import load
from jobs.config.password import has_password, with_password
from jobs.errors import ConfigError

TOML = '[items]\nfiles="i"\nitem_id="i"\n[[events]]\nfiles="e"\nuser_id="u"\nitem_id="i"\ntime="t"\n[shop]\n'


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SHOP_SECRET", "hush/7@5 #%")
    return "hush%2F7%405%20%23%25"


def test_any_password_fits_into_the_url(secret: str) -> None:
    assert with_password("redis://cache/0", "SHOP_SECRET", None) == f"redis://:{secret}@cache/0"
    assert with_password("Redis://shop@cache:1/0", "SHOP_SECRET", None) == f"redis://shop:{secret}@cache:1/0"
    assert with_password("unix:///run/redis.sock?db=1", "SHOP_SECRET", None) == f"unix://:{secret}@/run/redis.sock?db=1"


def test_the_configuration_names_where_the_password_is(secret: str, tmp_path: Path) -> None:
    file = tmp_path / "daybreak.toml"
    (tmp_path / "secret").write_text("hush-8\r\nmore\n")
    for key, value, url in (
        ("password_env", "SHOP_SECRET", f"redis://:{secret}@cache/0"),
        ("password_file", "secret", "redis://:hush-8@cache/0"),
    ):
        file.write_text(f'{TOML}patches = "redis://cache/0"\n{key} = "{value}"\n')
        assert load(file, date(2026, 1, 1)).patches == url


@pytest.mark.parametrize(
    ("url", "env", "file", "told"),
    [
        ("redis://:hush-7@cache/0", "SHOP_SECRET", None, "redis://cache/0: the URL has a password already"),
        ("redis://cache/0?Password=hush-7", "SHOP_SECRET", None, "redis://cache/0: the URL has a password already"),
        ("log.sqlite", "SHOP_SECRET", None, "log.sqlite: a password is for a log in Redis"),
        ("redis://a:5/hush-7@cache", "SHOP_SECRET", None, "redis://…: a password is for a log in Redis"),
        ("redis://cache/0", "SHOP_NOTHING", None, "variable SHOP_NOTHING is empty or not set"),
        ("redis://cache/0", None, Path("/nowhere/secret"), "/nowhere/secret: the password of the log cannot be read"),
        ("redis://cache/0", "SHOP_SECRET", Path("x"), "give one"),
    ],
)
@pytest.mark.usefixtures("secret")
def test_what_is_wrong_is_said_without_the_password(url: str, env: str | None, file: Path | None, told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("…", ".")) as caught:
        with_password(url, env, file)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        '["redis://:hush-7@cache/0"]',
        '[["Redis://a:b/hush-7@cache"]]',
        '{ url = "redis://:hush-7@cache/0" }',
        '"redis://cache"\n"redis://:hush-7@cache" = 1',
        '"redis://cache"\nwork = ["redis:/:hush-7@cache"]',
    ],
)
def test_a_mistake_in_the_configuration_is_told_without_the_password(value: str, tmp_path: Path) -> None:
    file = tmp_path / "daybreak.toml"
    file.write_text(f"{TOML}patches = {value}\n")
    with pytest.raises(ConfigError, match=r"shop\.") as caught:
        load(file, date(2026, 1, 1))
    assert "hush" not in str(caught.value)


def test_the_value_of_a_setting_that_is_a_secret_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "daybreak.toml"
    file.write_text(f'{TOML}[spark]\n"spark.hadoop.fs.s3a.secret.key" = 70707\n"spark.executor.cores" = 80808\n')
    with pytest.raises(
        ConfigError, match=r"secret.key must be a text.*not …\n.*cores must be a text.*not 80808"
    ) as caught:
        load(file, date(2026, 1, 1))
    assert "70707" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "has"),
    [
        ("redis://:x@cache", True),
        ("redis://cache?password=x", True),
        ("redis://a:b/c@cache", True),
        ("redis://shop@cache/0", False),
        ("redis://cache:1/0?db=3", False),
        ("/srv/me@home/log.sqlite", False),
    ],
)
def test_an_address_that_may_hold_a_password_is_known(address: str, has: bool) -> None:
    assert has_password(address) is has
