"""A real S3 server (SeaweedFS) for tests and benchmarks: a process of its own, on free ports of loopback alone."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

KEY, SECRET = "made-key", "hush-hush-71"
"""Of the server's one user; not of anybody else."""
START_SECONDS = 60.0
STOP_SECONDS = 10.0
LIBC, PR_SET_PDEATHSIG = ctypes.CDLL(None), 1
PARTS = ("master", "volume", "filer", "s3")


class Server:
    """A server with one bucket, which keeps its objects in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        users = [
            {
                "name": "tests",
                "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
                "actions": ["Admin", "Read", "List", "Tagging", "Write"],
            }
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": users}))
        (folder / "data").mkdir()
        ports = _free_ports(2 * len(PARTS))
        self._sockets = [Path(f"/tmp/seaweedfs-{part}-grpc-{ports[2 * n]}.sock") for n, part in enumerate(PARTS)]
        self.endpoint = f"http://127.0.0.1:{ports[-1]}"
        options = [f"-{part}.port={ports[2 * n + 1]}" for n, part in enumerate(PARTS)]
        options += [f"-{part}.port.grpc={ports[2 * n]}" for n, part in enumerate(PARTS)]
        command = [
            _program(), "-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}",
            "-filer", "-s3", f"-s3.config={folder / 's3.json'}", "-volume.max=20", "-master.volumeSizeLimitMB=1024",
            "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.localSocket={folder / 's3.sock'}", f"-filer.localSocket={folder / 'filer.sock'}",
            "-volume.preStopSeconds=0", *options,
        ]  # fmt: skip
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=self._log, stderr=self._log, start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 – it calls nothing but the system
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
        )  # fmt: skip

    def wait(self) -> None:
        """Wait until it answers. Raises RuntimeError after START_SECONDS."""
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=1).close()
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text(errors="replace")[-3000:])

    def pause(self) -> None:
        """Let it hang: it takes connections, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.go_on()
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        self._log.close()
        for path in self._sockets:  # which it puts nowhere else
            path.unlink(missing_ok=True)

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """What a client needs in its environment. endpoint: a proxy in front of the server."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
        }


@contextmanager
def server() -> Iterator[Server]:
    """A server in a folder of its own, which goes with it."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="daybreak-s3-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        running = Server(folder)
        stack.callback(running.stop)
        running.wait()
        yield running


def _end_with_parent() -> None:
    """Let the system end the server where the process of the tests is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _program() -> str:
    found = shutil.which("weed")
    if found is None:
        import sys

        found = str(Path(sys.executable).parent / "weed")
    return found


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
