"""The logs on which the same tests run: SQLite files, a Redis server, and one that says when it has synced."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lookup.patches.patch_log import PatchLog, open_log
from tests.lookup.patches.servers import ALWAYS, REDIS_SERVER_PATH, VALKEY_PATH, Server, server

NewLog = Callable[[], PatchLog]
"""Makes an empty log; what the one before held is gone."""


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("redis"), REDIS_SERVER_PATH, ALWAYS) as running:
        yield running


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("valkey"), VALKEY_PATH, ("--appendonly", "yes")) as running:
        yield running


@pytest.fixture(params=["sqlite", "redis", "valkey"])
def new_log(request: pytest.FixtureRequest, tmp_path: Path) -> NewLog:
    if request.param == "sqlite":
        numbers = itertools.count()

        def new() -> PatchLog:
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            return open_log(folder)
    else:
        running: Server = request.getfixturevalue(f"{request.param}_server")

        def new() -> PatchLog:
            running.client.flushall()
            return open_log(running.url)

    return new


@pytest.fixture
def log(new_log: NewLog) -> PatchLog:
    return new_log()
