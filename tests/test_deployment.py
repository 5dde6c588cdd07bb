"""The deployment that lookup/README.md shows: gunicorn with `--preload`, whose workers follow CURRENT by themselves."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.releases import make_release
from tests.run_tables import NIGHT

ROOT = Path(__file__).parents[1]
BACKEND = """
import os
from fastapi import FastAPI
import lookup

shop = lookup.open("releases")
app = FastAPI()

@app.get("/")
def answer() -> dict:
    hits = shop.recommend("user-1", k=5)
    return {"release": shop.release.id, "hits": len(hits), "worker": os.getpid(), "problem": shop.problem}
"""
WAIT = 60.0
"""Seconds that a busy machine may take."""


def command(port: int) -> list[str]:
    text = (ROOT / "lookup/README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ *(gunicorn .*)$", text, re.M)
    return [sys.executable, "-m", *shlex.split(line), "--bind", f"127.0.0.1:{port}"]


def ask(port: int) -> dict:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        found: dict = json.load(answer)
    return found


def until(condition, what: str):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"not after {WAIT} seconds: {what}")


def test_gunicorn_with_preload_follows_current(tmp_path: Path) -> None:
    first = make_release(tmp_path, seed=1)
    (tmp_path / "backend.py").write_text(BACKEND)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The manual's command, with a free port.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    server = subprocess.Popen(
        command(port), cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        answer = until(lambda: ask(port), "an answer")
        assert (answer["release"], answer["hits"], answer["problem"]) == (first, 5, None)
        second = make_release(tmp_path, seed=2, night=NIGHT + timedelta(days=1))
        workers: set[int] = set()

        def all_new() -> bool:
            answer = ask(port)
            if answer["release"] == second:
                workers.add(answer["worker"])
            return len(workers) >= 2

        until(all_new, "two workers that serve the second release")
        assert server.pid not in workers
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
