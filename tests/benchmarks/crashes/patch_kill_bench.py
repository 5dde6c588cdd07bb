"""Kill a writer of patches, or its server, at random moments: what was acknowledged is there, and nothing in part."""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from lookup.patches import patch
from lookup.patches.patch_log import PatchLog, open_log
from tests.benchmarks.shared import ROOT
from tests.benchmarks.shared.timing import options
from tests.lookup.patches.servers import REDIS_SERVER_PATH, VALKEY_PATH, Server, server

NAME = "patch_kill"
"""Of this benchmark, which starts itself as the writer."""
FIELDS = ("price", "title", "weight")
TOGETHER = 4
"""Patches of items in one append, each of all FIELDS, and one event."""


def write(where: str, first: int) -> None:
    """Append for ever, and print each number when its append has returned."""
    log = open_log(where)
    number = first
    while True:
        said = {"price": number, "title": str(number), "weight": number}
        items = [patch.item(f"{number}-{n}", said) for n in range(TOGETHER)]
        log.append([*items, patch.event(f"u{number}", "a", "view", value=number)])
        print(number, flush=True)
        number += 1


class Round:
    """A writer, and what it acknowledged before it was killed."""

    def __init__(self, where: str, first: int):
        command = [sys.executable, "-m", "tests.benchmarks", NAME, "--write", where, "--first", str(first)]
        quiet = subprocess.DEVNULL
        self.first = first
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=quiet, text=True)
        assert self.process.stdout
        self._heard = [self.process.stdout.readline()]  # it has begun

    def end(self, kill: Callable[[], None], after: float) -> list[int]:
        """Kill after some seconds; the numbers that were acknowledged."""
        time.sleep(after)
        kill()
        self.process.send_signal(signal.SIGKILL)
        rest, _ = self.process.communicate()
        # A line that a kill cut off acknowledges nothing.
        return [int(line) for line in "".join([*self._heard, rest]).splitlines(keepends=True) if line.endswith("\n")]


def faults(log: PatchLog, acknowledged: list[int]) -> tuple[int, int, int]:
    """How many appends are there, how many acknowledged ones are lost, and how many are there in part."""
    rows: dict[int, set[tuple[str, str]]] = {}
    for said in log.changes(0).statements:
        rows.setdefault(int(said.item.partition("-")[0]), set()).add((said.item, said.field))
    events = {int(event.value or 0) for event in log.all_events(0, log.position())}
    whole = {n for n, found in rows.items() if len(found) == TOGETHER * len(FIELDS)} & events
    return len(whole), len(set(acknowledged) - whole), len((rows.keys() | events) - whole)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when a patch was lost, or is there in part."""
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--server-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="LOG", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.write:
        write(given.write, given.first)
    kills, server_kills = (1, 1) if given.toy else (given.kills, given.server_kills)
    return kill(kills, server_kills, random.Random(given.seed))


def kill(writer_kills: int, server_kills: int, rng: random.Random) -> int:
    """Kill writers and servers of every kind of log, and print what is there afterwards."""
    wrong = 0
    print(f"{'log':<44}{'killed':<9}{'kills':>6}{'acknowledged':>14}{'there':>8}{'lost':>6}{'half':>6}")
    with ExitStack() as stack:

        def folder() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory()))

        redis = stack.enter_context(server(folder(), REDIS_SERVER_PATH))
        valkey = stack.enter_context(server(folder(), VALKEY_PATH, ("--appendonly", "yes")))
        runs: list[tuple[str, str, Server | None, int]] = [
            ("SQLite", str(folder() / "patches.sqlite"), None, writer_kills),
            ("Redis, appendfsync always", redis.url, None, writer_kills),
            ("Redis, appendfsync always", redis.url, redis, server_kills),
            ("Valkey, appendfsync everysec and WAITAOF", valkey.url, valkey, server_kills),
        ]
        for name, where, killed, kills in runs:
            acknowledged: list[int] = []
            for _ in range(kills):
                kill = killed.kill if killed else lambda: None
                last = max(acknowledged, default=0)
                # Numbers begin anew far above those that may be there without having been acknowledged.
                acknowledged += Round(where, last + 1000).end(kill, rng.uniform(0, 0.5))
                if killed:
                    killed.start()
            there, lost, half = faults(open_log(where), acknowledged)
            if where == redis.url and not killed:
                redis.client.flushall()
            what = "server" if killed else "writer"
            print(f"{name:<44}{what:<9}{kills:>6}{len(acknowledged):>14}{there:>8}{lost:>6}{half:>6}", flush=True)
            wrong += lost + half
    return int(wrong > 0)
