"""A standalone cluster of Spark: a master and two workers, for which folders of the driver are empty."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest

WAYS = (["unshare", "-m"], ["unshare", "-r", "-m"])
"""To a mount namespace: of root, and of a user of their own."""
SECONDS = 120.0
"""How long the master may take to listen."""


def namespace() -> list[str]:
    """The words before a command that give it a mount namespace of its own. Skips the test where there is none."""
    for way in WAYS:
        words = [*way, "sh", "-c", "mount -t tmpfs none /mnt"]
        if shutil.which(way[0]) and subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return way
    pytest.skip("no mount namespaces: neither root nor a user may unshare them here")


@contextmanager
def standalone(folder: Path, hidden: Sequence[Path], options: Sequence[str] = ("", "")) -> Iterator[str]:
    """Run the cluster while the block runs; yields the URL of its master.

    folder: for logs and what executors write, which all see. hidden: folders that are empty for the workers. options:
    of each worker's Java.
    """
    way, home = namespace(), Path(pyspark.__file__).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Nothing of this checkout may come to the workers by their environment.
    known = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "TORCHINDUCTOR_CACHE_DIR")}
    known |= {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    program, name = str(home / "bin" / "spark-class"), "org.apache.spark.deploy"
    master = [program, f"{name}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
    url = f"spark://127.0.0.1:{port}"
    hide = " && ".join(f"mount -t tmpfs none '{path}'" for path in hidden)
    processes = []
    try:
        with (folder / "master.log").open("wb") as log:
            processes.append(subprocess.Popen(master, env=known, stdout=log, stderr=log, start_new_session=True))
        until = time.monotonic() + SECONDS
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until, (folder / "master.log").read_text()[-2000:]
            time.sleep(0.1)
        for number, more in enumerate(options):
            work = folder / f"worker{number}"
            work.mkdir()
            worker = f"{hide} && cd '{work}' && exec '{program}' {name}.worker.Worker --cores 1 --memory 2g"
            worker += f" --host 127.0.0.1 --webui-port 0 --work-dir '{work}' {url}"
            env = {**known, "SPARK_WORKER_OPTS": more}
            with (folder / f"worker{number}.log").open("wb") as log:
                words = [*way, "sh", "-c", worker]
                processes.append(subprocess.Popen(words, env=env, stdout=log, stderr=log, start_new_session=True))
        yield url
    finally:
        for process in reversed(processes):
            process.terminate()  # a worker ends its executors
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
