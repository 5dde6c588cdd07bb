"""Kill a writer of patches, or its server, at random moments: what was acknowledged is there, and nothing half.

python tests/benchmarks/patch_kill_bench.py [--kills 20] [--server-kills 5] [--seed 1]
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from lookup.patches import patch as patches
from lookup.patches.patch_log import PatchLog, open_log

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.lookup.patches.servers import (  # noqa: E402 - this file is a script; its folder comes first on the path
    REDIS_SERVER_PATH,
    VALKEY_PATH,
    Server,
    server,
)

FIELDS = ("price", "title", "weight")
TOGETHER = 4
"""Patches of items in one append, each of all FIELDS, and one event."""


def write(where: str, first: int) -> None:
    """Append for ever, saying each number when its append has returned."""
    log = open_log(where)
    number = first
    while True:
        said = {"price": number, "title": str(number), "weight": number}
        items = [patches.item(f"{number}-{n}", said) for n in range(TOGETHER)]
        log.append([*items, patches.event(f"u{number}", "a", "view", value=number)])
        print(number, flush=True)
        number += 1


class Round:
    """A writer, and what it acknowledged before it was killed."""

    def __init__(self, where: str, first: int):
        command = [sys.executable, __file__, "--write", where, "--first", str(first)]
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


def main() -> int:
    """Run the benchmark; returns 1 when a patch was lost, or is there in part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--server-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="LOG", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.write, arguments.first)
    rng = random.Random(arguments.seed)
    wrong = 0
    print(f"{'log':<44}{'killed':<9}{'kills':>6}{'acknowledged':>14}{'there':>8}{'lost':>6}{'half':>6}")
    with ExitStack() as stack:

        def folder() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory()))

        redis = stack.enter_context(server(folder(), REDIS_SERVER_PATH))
        valkey = stack.enter_context(server(folder(), VALKEY_PATH, ("--appendonly", "yes")))
        runs: list[tuple[str, str, Server | None, int]] = [
            ("SQLite", str(folder() / "patches.sqlite"), None, arguments.kills),
            ("Redis, appendfsync always", redis.url, None, arguments.kills),
            ("Redis, appendfsync always", redis.url, redis, arguments.server_kills),
            ("Valkey, appendfsync everysec and WAITAOF", valkey.url, valkey, arguments.server_kills),
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


if __name__ == "__main__":
    sys.exit(main())
