"""A reader process for tests and benchmarks: `python -m tests.lookup.swap_reader RELEASES THREADS [PAUSE]`.

Its threads ask, with PAUSE seconds between rounds (0: full load), and check every answer by the marks of its
scores (`tests.lookup.marked`). It says, a line of JSON each: whenever it serves another release or has another problem;
for a line of its input, what it measures of itself; at the end of its input, what it counted.
"""

import json
import logging
import os
import re
import select
import sys
import threading
import time
from pathlib import Path
from typing import Any

import lookup
from lookup import Hit
from lookup.release import follow
from tests.lookup.marked import mark_of

WARNINGS: list[str] = []


class Kept(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        WARNINGS.append(record.getMessage())


def measure() -> dict[str, int]:
    """KiB, files, mappings of releases and threads of this process; the least of a few looks, for some files are open
    for a moment only."""
    looks = []
    for _ in range(10):
        time.sleep(follow.LOOK_SECONDS)
        looks.append(look())
    return {name: min(each[name] for each in looks) for name in looks[0]}


def look() -> dict[str, int]:
    rollup = Path("/proc/self/smaps_rollup").read_text()
    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = [line.split("/") for line in lines if line.endswith((".npy", ".ann")) or "(deleted)" in line]
    return {
        "rss": int(re.findall(r"Rss:\s+(\d+)", rollup)[0]),
        "pss": int(re.findall(r"Pss:\s+(\d+)", rollup)[0]),
        "files": len(os.listdir("/proc/self/fd")),
        "mapped": len(mapped),
        "releases": len({parts[-3] for parts in mapped if parts[-2] == "arrays"}),
        "threads": threading.active_count(),
    }


class Load:
    """Asks until it is told to stop."""

    def __init__(self, shop: lookup.Shop, pause: float):
        self.shop, self.pause, self.done = shop, pause, threading.Event()
        self.answers = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        n = 0
        while not self.done.is_set():
            n += 1
            try:
                self.check([h for h in self.shop.recommend(f"user-{n % 40}", 30) if h.source == "list"])
                self.check([h for h in self.shop.similar(f"item-{n % 60}", 30) if mark_of(h.score)])
                self.check([h for h in self.shop.popular(30, "DAIRY") if mark_of(h.score)])
                self.check([h for h in self.shop.recommend("new", 10, history=[f"item-{n % 60}"]) if mark_of(h.score)])
            except Exception as error:  # the very thing that must not happen: told to who started this process
                self.wrong.append(repr(error))
                return
            time.sleep(self.pause)

    def check(self, hits: list[Hit]) -> None:
        marks = {mark_of(hit.score) for hit in hits}
        if len(marks) > 1:
            self.wrong.append(f"an answer of releases {marks}: {hits}")
        self.answers += 1


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def main(releases: str, threads: int, pause: float = 0.0) -> None:
    logging.getLogger("lookup").addHandler(Kept())
    follow.LOOK_SECONDS, follow.RETRY_SECONDS = 0.02, 0.1
    sys.setswitchinterval(0.001)  # many such processes share a few cores
    shop = lookup.open(releases)
    load = Load(shop, pause)
    asking = [threading.Thread(target=load.run) for _ in range(threads)]
    for thread in asking:
        thread.start()
    said: tuple[str, str | None] | None = None
    while True:
        now = shop.release.id, shop.problem
        if now != said:
            said = now
            say(serves=now[0], problem=now[1])
        if select.select([sys.stdin], [], [], 0.005)[0]:
            if not sys.stdin.readline():
                break
            until = time.monotonic() + 30
            while not shop._live.follower.checked and time.monotonic() < until:  # its check has a file open
                time.sleep(0.01)
            say(measured=measure())
    load.done.set()
    for thread in asking:
        thread.join()
    say(answers=load.answers, wrong=load.wrong[:3], warnings=WARNINGS)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))
