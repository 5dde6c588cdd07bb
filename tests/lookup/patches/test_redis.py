"""What is Redis's own: whether it keeps what it is told, and what it says when it cannot."""

import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from lookup.errors import LogError
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from tests.lookup.patches.made import NOW
from tests.lookup.patches.servers import ALWAYS, REDIS_SERVER_PATH, Server, server

PRICE = patch.item("a", {"price": 1}, at=NOW)


def test_a_server_that_keeps_nothing_is_refused(tmp_path: Path) -> None:
    with server(tmp_path, REDIS_SERVER_PATH, ("--appendonly", "no")) as running:
        log = open_log(running.url)
        with pytest.raises(LogError, match="keeps no append-only file, so a patch would not be on disk"):
            log.append([PRICE])
        assert log.position() == 0


def test_a_server_that_syncs_now_and_then_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "everysec")
    with server(tmp_path, REDIS_SERVER_PATH, options) as running, caplog.at_level(logging.WARNING, "lookup"):
        log = open_log(running.url)
        assert log.append([PRICE]) == 1
        log.append([PRICE])
    assert [record.getMessage() for record in caplog.records] == [
        f"{running.url}: appendfsync is everysec: patches of up to a second may be lost if the server dies; "
        "set it to always"
    ]


def test_it_is_all_there_after_the_server_was_killed(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        log = open_log(running.url)
        log.append([PRICE, patch.event("u", "a", "view", at=NOW)])
        running.kill()
        with pytest.raises(LogError, match=rf"{running.url}: ConnectionError"):
            log.events("u", 0)
        running.start()
        assert log.position() == 2
        assert [event.item for event in log.events("u", 0)] == ["a"]


def test_another_version_is_refused(redis_server: Server) -> None:
    redis_server.client.flushall()
    redis_server.client.set("daybreak:version", "9")
    with pytest.raises(LogError, match="a log of version '9' found; this Daybreak reads version 1"):
        open_log(redis_server.url)


def test_passwords_are_not_told() -> None:
    with pytest.raises(LogError, match=r"redis://127.0.0.1:1/0: ConnectionError") as caught:
        open_log("redis://someone:s3cret@127.0.0.1:1/0?password=s3cret")
    assert "s3cret" not in str(caught.value)


def test_what_is_no_url_is_said() -> None:
    with pytest.raises(
        LogError, match="redis://…: a path or a URL expected, such as redis://user:password@host:port/db"
    ):
        open_log("redis://host:port/0")
    with pytest.raises(LogError, match="redis://host/0: not the URL of a Redis server; expected redis://user"):
        open_log("redis://host/0?socket_timeout=soon")


def test_no_error_of_a_server_with_a_password_gives_it_away(
    redis_server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.client.flushall()
    url = redis_server.url.replace("://", "://:hush-7%2F8@")
    redis_server.client.config_set("requirepass", "hush-7/8")
    try:
        log = open_log(f" {url.replace('redis', 'Redis', 1)}")
        told = [log.where, repr(log), repr(vars(log))]
        for wrong in (url.replace("hush-7", "hush-9"), url.replace("/0", "/99")):
            with pytest.raises(LogError) as caught:
                open_log(wrong)
            told += traceback.format_exception(caught.value)
        assert log.position() == 0
    finally:
        redis_server.client.config_set("requirepass", "")
    assert "hush" not in "".join([*told, caplog.text])


def test_redis_is_loaded_only_where_it_is_asked_for(tmp_path: Path) -> None:
    program = """
import sys
import lookup.patches.patch_log
lookup.patches.patch_log.open_log(sys.argv[1]).position()
assert "redis" not in sys.modules
sys.modules["redis"] = None
try:
    lookup.patches.patch_log.open_log("redis://localhost")
except lookup.LogError if hasattr(lookup, "LogError") else lookup.DaybreakError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "a log in Redis needs the package redis: pip install 'daybreak[redis]'\n"


def test_a_server_that_may_evict_patches_is_refused(tmp_path: Path) -> None:
    with server(tmp_path, REDIS_SERVER_PATH, (*ALWAYS, "--maxmemory-policy", "allkeys-lru")) as running:
        log = open_log(running.url)
        with pytest.raises(LogError, match=r"may drop patches .*maxmemory-policy is allkeys-lru"):
            log.append([PRICE])
        assert "set maxmemory-policy noeviction" in str(log.fault())
        running.client.config_set("maxmemory-policy", "volatile-lru")  # no key of a log expires
        assert log.append([PRICE]) == 1
        assert log.fault() is None
        running.client.config_set("maxmemory-policy", "allkeys-lfu")
        with pytest.raises(LogError, match="maxmemory-policy is allkeys-lfu"):
            log.append([patch.item("b", {"price": 1}, at=NOW)])  # asked with each patch
        assert log.position() == 1


def test_keys_that_are_missing_or_damaged_are_told_and_the_others_read(redis_server: Server) -> None:
    redis_server.client.flushall()
    log = open_log(redis_server.url)
    log.append([PRICE, patch.item("b", {"price": 2}, at=NOW), patch.forget("u", at=NOW), patch.forget("v", at=NOW)])
    redis_server.client.hset("daybreak:item:a", "garbage", "1")
    assert [one.item for one in log.changes(0).statements] == ["b"]
    assert "item 'a' is missing or damaged" in str(log.damage())
    redis_server.client.delete("daybreak:item:a")
    redis_server.client.delete("daybreak:forgotten")
    changes = log.changes(0)
    assert ([one.item for one in changes.statements], changes.forgotten) == (["b"], [])
    assert "the forgotten user 'v' is missing or damaged" in str(log.damage())
    with pytest.raises(LogError, match="'a' is missing: the server evicted it"):
        list(log.items(9))  # a night must not learn from half a log
