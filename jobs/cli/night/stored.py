"""Commands of a night whose `shop.work` is a URL: what storage has comes first, and what is new goes there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.config.config import Config


@contextmanager
def on_storage(config: "Config", master: str | None, what: str) -> Iterator[Callable[[], None]]:
    """Hold the run on storage while the block runs, and bring the driver's disk to what storage has of it.

    Yields what brings back what is new. master: of Spark, as `start` takes it. what: the command, for the message of
    others. Raises ConfigError where the storage is not to be had, RunLockedError where another command writes into the
    run.
    """
    from jobs.infra.logging import log_line
    from jobs.infra.run_lock import writing
    from jobs.infra.storage.claim import claimed
    from jobs.infra.storage.session import open_storage
    from jobs.infra.storage.work import StoredWork

    with writing(config.run.root, what):
        storage = open_storage(master, config.session, config.scratch)
        with claimed(storage.hadoop, storage.at(f"runs/{config.date}"), what):
            work = StoredWork(storage, config.run.root)
            fetched = work.restore()
            log_line("storage", "restored", url=storage.url, folder=config.work, fetched=len(fetched))
            yield work.save
            places = work.sweep(config.shop.keep_runs)
            if places:
                log_line("storage", "swept", url=storage.url, removed=places)


def read_receipts(config: "Config") -> None:
    """Bring the small files of the run of the configuration's date, and of the newest before it, to this machine."""
    from jobs.infra.runs import NAME
    from jobs.infra.storage.session import open_storage
    from jobs.infra.storage.work import StoredWork

    storage = open_storage("local[1]", config.session, config.scratch)
    there = (one.name for one in storage.hadoop.files(storage.at("runs/*")) if NAME.fullmatch(one.name))
    past = sorted(name for name in there if name <= config.date.isoformat())
    for name in past[-1:]:
        StoredWork(storage, config.run.root.parent / name).restore_files()
