"""Files on storage, and what is said of storage that is not to be had."""

import time
from pathlib import Path

import pytest

from jobs.errors import ConfigError
from jobs.infra.cluster.errors import EngineError
from jobs.infra.storage.hadoop import FileThere, Hadoop, is_url
from jobs.infra.storage.storage import Storage


def test_files_go_there_and_back(storage: Storage, tmp_path: Path) -> None:
    hadoop, sent = storage.hadoop, tmp_path / "a b: ü.bin"
    sent.write_bytes(bytes(range(256)) * 5000)
    hadoop.put({sent: storage.at("data/x/one"), Path(__file__): storage.at("data/x/deep/two")})
    found = hadoop.below(storage.at("data"))
    assert [(one.name, one.bytes, one.folder) for one in found] == [
        ("two", Path(__file__).stat().st_size, False),
        ("one", sent.stat().st_size, False),
    ]
    hadoop.fetch({tmp_path / "back" / one.name: one for one in found})
    assert (tmp_path / "back" / "one").read_bytes() == sent.read_bytes()
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["one", "two"]  # no checksums beside them
    with hadoop.open(storage.at("data/x/one")) as file:
        file.seek(-3, 2)
        assert file.read() == b"\xfd\xfe\xff"
    assert hadoop.files(storage.at("data/*/o*"))[0].url == storage.at("data/x/one")
    hadoop.delete(storage.at("data"))
    assert hadoop.files(storage.at("data/*")) == hadoop.below(storage.at("data")) == []


def test_a_small_file_is_replaced_only_where_one_says_so(storage: Storage) -> None:
    hadoop, url = storage.hadoop, storage.at("one.json")
    hadoop.write(url, b"1")
    with pytest.raises(EngineError, match=r"one.json: FileAlreadyExistsException"):
        hadoop.write(url, b"2")
    assert hadoop.read(url) == b"1"
    hadoop.write(url, b"2", replace=True)
    assert hadoop.read(url) == b"2"
    with pytest.raises(EngineError, match=r"none.json"):
        hadoop.read(storage.at("none.json"))


def test_a_file_that_came_short_is_told(storage: Storage, tmp_path: Path) -> None:
    storage.hadoop.write(storage.at("one"), b"12345")
    with pytest.raises(EngineError, match=r"one: 5 bytes came of 7"):
        storage.hadoop.fetch({tmp_path / "one": FileThere(storage.at("one"), 7, 0.0, False)})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3a://bucket/x", r'no file system for s3a:// here; .* "spark.jars.packages" = "org.apache.hadoop:hadoop-aws'),
        ("nonsense://x/y", r"no file system for nonsense:// here; give it one, or name another scheme"),
        ("hdfs://no-such-host.invalid:8020/x", r"the storage is not there: .*no-such-host.invalid"),
        ("viewfs://no-table/x", r"the storage is not there"),
    ],
)
def test_storage_that_is_not_to_be_had(storage: Storage, url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        storage.hadoop.files(f"{url}/*")


def test_storage_that_does_not_answer(storage: Storage) -> None:
    with pytest.raises(EngineError, match=r"x: the storage does not answer in 0 s; run again"):
        storage.hadoop._ask(f"{storage.url}/x", lambda fs, path: time.sleep(5), 0.2)


def test_no_error_shows_a_secret(storage: Storage) -> None:
    class Java:
        """An error of Java."""

        def getClass(self) -> "Java":  # noqa: N802
            return self

        def getSimpleName(self) -> str:  # noqa: N802
            return "AccessDeniedException"

        def getMessage(self) -> str:  # noqa: N802
            return "key hush-7 is unknown"

    error = Exception()
    error.java_exception = Java()  # type: ignore[attr-defined]
    told = Hadoop(None, None, ("hush-7",))._told("s3a://bucket/x", error)
    assert isinstance(told, ConfigError)
    assert "hush" not in str(told)
    assert "does not let this user in: AccessDeniedException: key … is unknown. Credentials come from" in str(told)
    assert "hush-7" in storage.hadoop._hide  # a setting of the session


def test_what_is_a_url() -> None:
    urls = ["s3a://b/x", "hdfs:///x", "viewfs://t/x", "abfss://c@a.dfs.core.windows.net/x"]
    assert all(map(is_url, urls))
    assert not any(map(is_url, ["a/b", "/a", "C:/x", "package://p/x", "a b://c", "orders.csv"]))
