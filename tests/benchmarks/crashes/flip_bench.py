"""Flip bits in every file of a release: no answer is wrong after the check, no process ends, `verify` tells all."""

import logging
import multiprocessing
import os
import pickle
import random
import select
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401  # so that each trial need not import it

import lookup
from lookup import ReleaseError
from lookup.release import check, follow, pointer
from lookup.release.reader import Release
from lookup.retrieval.index_choice import METHODS
from lookup.retrieval.scan import fit_projections, scan
from lookup.serving import live
from tests.benchmarks.shared.timing import options

PATIENCE = 60.0
AT = 1_795_600_000 * 10**6
"""When all calls are made, so that they answer alike."""
Answers = tuple[str, list[Any]]
"""The release that answered, and what."""


def make(base: Path, method: str) -> None:
    """Two releases that find the best items for a vector by this method. It runs in a process of its own."""
    import jobs.stages.build.release_arrays as arrays
    from jobs.ranking.index_choice import Projections, choose
    from tests.releases import make_release
    from tests.run_tables import NIGHT, Sizes

    def chosen(items: Any, annoy: Any, users: Any, asked: Any, recall: float) -> tuple[Any, Projections]:
        fact, none = choose(items, annoy, users, asked, recall)
        if method != "sketch":
            return replace(fact, method=method, search_k=max(fact.search_k, 100)), none
        onto_items, onto_queries = fit_projections(items, users, 16)
        return replace(fact, method=method, survivors=100), Projections(items @ onto_items, onto_queries)

    arrays.choose = chosen  # type: ignore[assignment]
    sizes = Sizes(items=120, users=40, dimensions=24)
    for seed in (1, 2):
        make_release(base, seed, sizes, NIGHT + timedelta(days=seed))


def ask(shop: lookup.Shop) -> list[Any]:
    """The answers to calls of every kind."""
    said: list[Any] = []
    for n in range(40):
        said += [shop.recommend(f"user-{n}", 20), shop.buy_again(f"user-{n}", 4)]
    for n in range(0, 40, 5):
        user, shown = f"user-{n}", ["item-7", f"item-{n}"]
        said += [
            shop.recommend(user, 20, history=shown, at=AT),
            shop.recommend(user, 20, where=lookup.price(1, 20) & ~lookup.brand("Ünder"), at=AT),
            shop.recommend(user, 20, diversity=lookup.MMR(0.5), at=AT),
            shop.recommend(user, 20, diversity=lookup.Cap(category=2), at=AT),
        ]
    for n in range(0, 120, 3):
        said += [shop.similar(f"item-{n}", 5), shop.item(f"item-{n}")]
    said += [shop.popular(100), shop.popular(100, category="DAIRY"), shop.explain("user-1", "item-5", at=AT)]
    batch = shop.recommend_many([f"user-{n}" for n in range(40)], 20)
    return [*said, batch.rows.tolist(), batch.scores.tolist()]


def served(releases: Path, patches: Path) -> Answers:
    """What a reader answers after its check. Before it, calls of the riskiest kind run while it checks."""
    follow.LOOK_SECONDS = live.LOOK_SECONDS = 0.005
    logging.disable()
    shop = lookup.open(releases, patches=patches)
    until = time.monotonic() + PATIENCE
    while not shop.stats()["checked"] and time.monotonic() < until:
        try:
            shop.recommend("new", 20, history=["item-7", "item-11"], at=AT)
        except Exception:  # any error may come of damage until it is found
            continue
    return shop.release.id, ask(shop)


def verified(release: Path) -> None:
    """Check every byte as `daybreak verify` does."""
    Release(release, verify=True)


def in_child(work: Callable[[], Any]) -> tuple[str, Any]:
    """What a function returns in a forked process: ("returned", value), ("refused", message), ("raised", error) or
    ("ended", signal)."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            outcome = ("returned", work())
        except ReleaseError as error:
            outcome = ("refused", str(error))
        except BaseException as error:
            outcome = ("raised", repr(error)[:200])
        with os.fdopen(write, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
        os._exit(0)
    os.close(write)
    data, until = b"", time.monotonic() + 2 * PATIENCE
    with os.fdopen(read, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            part = pipe.read(1 << 16)
            if not part:
                break
            data += part
        else:
            os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return pickle.loads(data) if data and code == 0 else ("ended", signal.Signals(-code).name if code < 0 else code)


def flip(path: Path, bit: int) -> None:
    """Flip a bit of a file in place."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (before,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([before ^ (1 << bit % 8)]))


def right_answers(releases: Path, patches: Path) -> dict[str, list[list[Any]]]:
    """What may be answered, by release: as it is, and where the Annoy index is not used."""

    def by_scan() -> Answers:
        Release.candidates = lambda self, vector, n: scan(self.item_vector, vector, n)  # type: ignore[method-assign]
        return served(releases, patches)

    right: dict[str, list[list[Any]]] = {}
    serving = pointer.stack(releases)
    for release_id in serving:
        pointer.announce(releases, release_id)
        for how in (lambda: served(releases, patches), by_scan):
            what, answers = in_child(how)
            assert what == "returned", answers
            assert answers[0] == release_id, answers
            right.setdefault(release_id, []).append(answers[1])
    return right


def try_method(base: Path, method: str, files: int, flips: int, rng: random.Random) -> tuple[Counter[str], list[str]]:
    """Counts of what became of the flips in so many files, and what must not be."""
    maker = multiprocessing.get_context("spawn").Process(target=make, args=(base, method))
    maker.start()
    maker.join()
    assert maker.exitcode == 0, "the releases could not be made"
    releases, patches = base / "releases", base / "patches.sqlite"
    right = right_answers(releases, patches)
    current = pointer.read(releases)
    counts: Counter[str] = Counter()
    wrong = []
    release = releases / current
    found = sorted(path for path in release.rglob("*") if path.is_file())
    for path in found if files >= len(found) else rng.sample(found, files):
        name = str(path.relative_to(release))
        size = path.stat().st_size * 8
        for bit in rng.sample(range(size), min(flips, size)):
            flip(path, bit)
            told, answers = in_child(lambda: served(releases, patches))
            if told == "returned":
                told = f"{'this' if answers[0] == current else 'the earlier'} release served"
                if repr(answers[1]) not in map(repr, right[answers[0]]):
                    told = "WRONG"
            elif told == "ended":
                told = f"ENDED by {answers}"
            checked, said = in_child(lambda: verified(release))
            counts[told] += 1
            counts[f"verify: {checked}"] += 1
            if told in ("WRONG", "raised") or told.startswith("ENDED") or checked != "refused":
                wrong.append(f"{name}, bit {bit}: {told}; verify: {checked} {said if checked != 'refused' else ''}")
            flip(path, bit)
    return counts, wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when anything that must hold does not."""
    parser = options(__doc__)
    parser.add_argument("--flips", type=int, default=20, help="in each file")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    os.environ[check.CACHE] = ""
    failed = 0
    for method in ("annoy",) if given.toy else given.methods:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            files, flips = (6, 1) if given.toy else (1000, given.flips)
            counts, wrong = try_method(Path(folder), method, files, flips, random.Random(given.seed))
        print(f"{method}: {sum(counts.values()) // 2:,} flips in {time.monotonic() - began:,.0f} s", flush=True)
        for what, n in sorted(counts.items()):
            print(f"  {n:>6,}  {what}")
        print("\n".join(f"  {line}" for line in wrong[:20]), end="\n" if wrong else "", flush=True)
        failed += len(wrong)
    print(f"wrong answers, ended processes and flips that verify did not tell: {failed}")
    return int(failed > 0)
