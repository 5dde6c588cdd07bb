"""Two publishers, a builder, a pruner and eight readers on one folder at once, and then the writers killed again and
again: no reader meets an error, and CURRENT is never empty."""

import contextlib
import io
import json
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import lookup
from jobs.releases.announce import announce, rollback
from jobs.releases.prune import prune
from jobs.stages.build import job as build
from lookup.errors import DaybreakError
from lookup.release import pointer
from lookup.release.history import HISTORY, read_history
from tests.benchmarks.shared.timing import options
from tests.releases import config_at, pass_validation
from tests.run_tables import NIGHT, Sizes, write_run

SIZES = Sizes(items=120, users=40)
NIGHTS = 2
USERS = [f"user-{n}" for n in range(SIZES.users)]
PATIENCE = 120.0


def publisher(base: Path, rng: random.Random) -> None:
    """Announce any release that there is, and now and then roll back."""
    releases = base / "releases"
    if rng.random() < 0.25:
        rollback(releases)
    else:
        announce(
            releases, rng.choice([path.name for path in releases.iterdir() if pointer.RELEASE_ID.fullmatch(path.name)])
        )


def builder(base: Path, rng: random.Random) -> None:
    """Build a release of a run, which `validate` then passes."""
    config = config_at(base, NIGHT + timedelta(days=rng.randrange(NIGHTS)), SIZES)
    release_id = build.run(None, config)["release"]
    with contextlib.suppress(FileNotFoundError):  # the pruner was quicker
        pass_validation(config.releases / release_id)


def pruner(base: Path, rng: random.Random) -> None:
    """Remove old releases."""
    for _ in prune(base / "releases", keep=rng.choice((2, 3))):
        pass
    time.sleep(0.2)


WRITERS: dict[str, Callable[[Path, random.Random], None]] = {
    "publisher 1": publisher,
    "publisher 2": publisher,
    "builder": builder,
    "pruner": pruner,
}


def write(base: Path, name: str, seed: int) -> None:
    """Do a writer's work again and again; a line of `told/NAME` says what became of each time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    rng = random.Random(seed)
    while not (base / "stop").exists():
        try:
            WRITERS[name](base, rng)
            outcome = "done"
        except DaybreakError:
            outcome = "refused"
        except BaseException as error:  # such a one is what is looked for
            outcome = f"RAW {error!r}"[:300]
        with (base / "told" / name).open("a") as file:
            file.write(outcome + "\n")


def read(base: Path, number: int, right: dict[str, set[str]]) -> None:
    """Ask all the while. `told/reader N` says how often, and what was wrong."""
    shop = lookup.open(base / "releases", patches=base / f"patches-{number}.sqlite")
    rng, counts = random.Random(number), Counter[str]()
    while not (base / "stop").exists():
        user = rng.choice(USERS)
        try:
            wrong = repr(shop.recommend(user, 10)) not in right[user]
            counts["WRONG" if wrong else "right"] += 1
        except Exception as error:  # such a one is what is looked for
            counts[f"ERROR {error!r}"[:300]] += 1
        if counts["right"] % 100 == 0:
            counts[f"served {shop.release.id}"] += 1
        time.sleep(0.002)  # so that the writers get their turn on a few cores
    (base / "told" / f"reader {number}").write_text(json.dumps(counts))


def watch(releases: Path, stop: threading.Event, empty: Counter[str]) -> None:
    """Read CURRENT without pause."""
    while not stop.is_set():
        try:
            pointer.read(releases)
            empty["reads"] += 1
        except lookup.ReleaseError as error:
            empty[str(error)] += 1


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when anything that must hold does not."""
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="before the first kill")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(
        ["--seconds", "0.5", "--kills", "2", "--readers", "2"] if "--toy" in (argv or ()) else argv
    )
    with tempfile.TemporaryDirectory() as folder:
        return race(Path(folder), given.seconds, given.kills, given.readers, random.Random(given.seed))


def race(base: Path, seconds: float, kills: int, readers: int, rng: random.Random) -> int:
    """The race in a folder. kills: of writers, after so many seconds without any."""
    context = multiprocessing.get_context("forkserver")  # so that a new writer takes milliseconds
    context.set_forkserver_preload([__name__])
    (base / "told").mkdir()
    for name in WRITERS:
        (base / "told" / name).touch()
    releases, right = base / "releases", prepare(base)
    running: dict[str, ForkServerProcess] = {}

    def start(name: str, work: Callable[..., None], *arguments: Any) -> None:
        running[name] = context.Process(target=work, args=(base, *arguments), daemon=True)
        running[name].start()

    for number in range(readers):
        start(f"reader {number}", read, number, right)
    for name in WRITERS:
        start(name, write, name, rng.random())
    stop, current = threading.Event(), Counter[str]()
    watcher = threading.Thread(target=watch, args=(releases, stop, current))
    watcher.start()
    time.sleep(seconds)
    ended, killed = [], Counter[str]()
    while killed.total() < kills:
        time.sleep(rng.uniform(0.02, 0.4))
        name = rng.choice(list(WRITERS))
        if running[name].exitcode is not None:
            ended.append(f"{name} ended by itself: {running[name].exitcode}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(running[name].pid or 0, signal.SIGKILL)
        running[name].join()
        killed[name] += 1
        start(name, write, name, rng.random())
    (base / "stop").touch()
    for name, process in running.items():
        process.join(PATIENCE)
        if process.exitcode != 0:
            ended.append(f"{name} ended with {process.exitcode}")
    stop.set()
    watcher.join()
    return told(base, current, killed, ended)


def prepare(base: Path) -> dict[str, set[str]]:
    """Write the runs and a first release of each. Returns the right answers, by user. It runs in a process of its own,
    for what it starts must not be forked."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(first_releases, (base,))


def first_releases(base: Path) -> dict[str, set[str]]:
    """See `prepare`."""
    right: dict[str, set[str]] = {user: set() for user in USERS}
    for n in range(NIGHTS):
        config = config_at(base, NIGHT + timedelta(days=n), SIZES)
        write_run(config, n + 1, SIZES)
        release_id = build.run(None, config)["release"]
        pass_validation(config.releases / release_id)
        announce(config.releases, release_id)
        shop = lookup.open(config.releases, patches=base / "patches.sqlite")
        for user in USERS:
            right[user].add(repr(shop.recommend(user, 10)))
    return right


def told(base: Path, current: Counter[str], killed: Counter[str], ended: list[str]) -> int:
    """Print what became of everything. Returns 1 when anything that must hold does not."""
    bad = list(ended)
    for name in WRITERS:
        outcomes = Counter((base / "told" / name).read_text().splitlines())
        bad += [f"{name}: {outcome}" for outcome in outcomes if outcome.startswith("RAW")]
        done, refused = outcomes["done"], outcomes["refused"]
        print(f"{name:<12} {done:>6,} times done, {refused:>4,} refused with a message, {killed[name]:>4} killed")
    asked, serving = 0, Counter[str]()
    for path in sorted((base / "told").glob("reader *")):
        counts = json.loads(path.read_text())
        asked += counts.get("right", 0)
        serving.update(what for what in counts if what.startswith("served"))
        bad += [f"{path.name}: {n} times {what}" for what, n in counts.items() if what.startswith(("WRONG", "ERROR"))]
    print(f"{asked:,} right answers, from {len(serving)} releases")
    bad += [f"CURRENT, {n} times: {what}" for what, n in current.items() if what != "reads"]
    releases = base / "releases"
    lookup.open(releases, verify=True, patches=base / "patches.sqlite")
    history = read_history(releases)
    bad += [history.damage] if history.damage else []
    print(f"CURRENT read {current['reads']:,} times; {HISTORY} holds {len(history.lines):,} announcements")
    with contextlib.redirect_stdout(io.StringIO()):
        builder(base, random.Random(0))
    list(prune(releases))
    left = [path.name for path in releases.glob(".*") if time.time() - path.stat().st_mtime > pointer.LEFT_SECONDS]
    print(f"left over after the next build and prune: {left or 'nothing'}")
    print("\n".join(bad[:30]), end="\n" if bad else "")
    print(f"errors in readers and writers, empty CURRENTs: {len(bad)}")
    return int(bool(bad))
