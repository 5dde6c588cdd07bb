"""Storage as a command finds it before Spark starts."""

import pytest

from jobs.errors import ConfigError
from jobs.infra.storage import session as module
from jobs.infra.storage.session import open_storage
from jobs.infra.storage.storage import LOCAL, URL, Storage


@pytest.fixture
def settings(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of a session with this storage; the Java of the tests' own session runs already."""
    table = storage.url.split("/")[2]
    link = f"fs.viewfs.mounttable.{table}.link./mnt"
    found = {URL: storage.url, LOCAL: str(storage.local)}
    found[f"spark.hadoop.{link}"] = (storage.local.parent / "stored").as_uri()
    monkeypatch.setattr(module, "start_java", lambda master, settings, folder: dict(settings))
    return found


def test_it_takes_gives_and_removes_a_file(storage: Storage, settings: dict[str, str]) -> None:
    found = open_storage("local[1]", settings, storage.local)
    assert (found.url, found.local) == (storage.url, storage.local)
    assert [path for path in (storage.local.parent / "stored").rglob("*") if path.is_file()] == []


def test_storage_that_is_not_to_be_had_ends_the_command(storage: Storage, settings: dict[str, str]) -> None:
    with pytest.raises(
        ConfigError, match=r"^shop.work = s3a://bucket/x: Spark has no file system for s3a:// here; give"
    ):
        open_storage("local[1]", settings | {URL: "s3a://bucket/x"}, storage.local)
    with pytest.raises(ConfigError, match=r"^shop.work = viewfs://no-table/x: the storage is not there: ViewFs"):
        open_storage("local[1]", settings | {URL: "viewfs://no-table/x"}, storage.local)


def test_storage_in_which_nothing_can_be_made_ends_the_command(storage: Storage, settings: dict[str, str]) -> None:
    root = storage.url.rpartition("/mnt/")[0]  # of the mount table
    with pytest.raises(ConfigError, match=r"^shop.work = viewfs://\w+/other: NotInMountpointException: "):
        open_storage("local[1]", settings | {URL: f"{root}/other"}, storage.local)
