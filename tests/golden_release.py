"""Golden releases: one small release of each schema version, kept for good, that later readers must read.

`python -m tests.golden_release` writes the one of today's schema version: `schema-<version>.tar.xz` with a folder of
releases, and `schema-<version>.json` with what readers answered from it on that day. It never replaces one.
"""

import json
import lzma
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import lookup
from lookup.release import pointer
from lookup.release.history import HISTORY
from lookup.release.reader import Release
from lookup.release.schema import SCHEMA_VERSION

GOLDEN = Path(__file__).parent / "lookup" / "release" / "golden"
COMMAND = "python -m tests.golden_release"
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""When the answers are given."""
USERS = ("user-0", "user-3", "user-7", "nobody")
ITEMS = ("item-0", "item-5", "item-29", "nothing")


def archive(version: int) -> Path:
    """The release of a schema version, packed."""
    return GOLDEN / f"schema-{version}.tar.xz"


def expected(version: int) -> dict[str, Any]:
    """What readers of its own time answered from it."""
    found: dict[str, Any] = json.loads(archive(version).with_suffix("").with_suffix(".json").read_text())
    return found


def unpack(version: int, folder: Path) -> Path:
    """Unpack the release of a schema version; returns the folder of releases, with CURRENT and HISTORY."""
    with tarfile.open(archive(version)) as packed:
        packed.extractall(folder, filter="data")
    return folder / "releases"


def versions() -> list[int]:
    """The schema versions that there are golden releases of."""
    return sorted(int(path.name.removeprefix("schema-").partition(".")[0]) for path in GOLDEN.glob("schema-*.tar.xz"))


def answers(releases: Path) -> dict[str, Any]:
    """What a reader answers from the release that CURRENT names, as JSON: hits as [item, score, source]."""
    shop = lookup.open(releases)
    release = Release(releases / shop.release.id)

    def hits(found: list[lookup.Hit]) -> list[list[Any]]:
        return [[hit.item_id, round(hit.score, 5), hit.source] for hit in found]

    said: dict[str, Any] = {
        "popular": hits(shop.popular(6, at=AT)),
        "popular breads": hits(shop.popular(6, "BREAD & CAKES", at=AT)),
        "cheap": hits(shop.recommend("user-3", 6, where=lookup.price(high=4), at=AT)),
        "organic": hits(shop.recommend("user-3", 6, where=lookup.feature("organic", low=1), at=AT)),
    }
    for user in USERS:
        said[f"recommend {user}"] = hits(shop.recommend(user, 6, at=AT))
        said[f"recommend {user} after item-5"] = hits(shop.recommend(user, 6, history=["item-5"], at=AT))
        said[f"buy_again {user}"] = hits(shop.buy_again(user, 4, at=AT))
    for item in ITEMS:
        said[f"similar {item}"] = hits(shop.similar(item, 6, at=AT))
        said[f"item {item}"] = shop.item(item, at=AT)
    if release.encoder.width("look"):  # since version 5
        for by in ("look", "text", "behaviour"):
            said[f"similar item-5 by {by}"] = hits(shop.similar("item-5", 6, by=by, at=AT))
    if release.manifest.dims["O"]:  # since version 6
        for user in USERS:
            said[f"recommend {user} unseen"] = hits(shop.recommend(user, 6, seen=False, at=AT))
    if release.groups:  # since version 6
        for item in ITEMS:
            said[f"variants like {item}"] = hits(shop.similar(item, 6, variants=True, at=AT))
        said["groups"] = [[hit.item_id, [hit.group, hit.variants], hit.source] for hit in shop.popular(6, at=AT)]
    for row in range(3):
        users, place = release.user_at(row)
        found = release.candidates(users.vector[place], 8).tolist()
        said[f"search {row}"] = [release.items.id(place) for place in found]
    said["added item"] = [
        [round(number, 5) for number in part.tolist()]
        for part in release.cold_start_vectors({"category": ["FOOD"], "brand": "Ünder"})
    ]
    shop.close()
    return said


def write(folder: Path = GOLDEN) -> Path:
    """Write the golden release of today's schema version. Raises FileExistsError when there is one."""
    packed = folder / archive(SCHEMA_VERSION).name
    if packed.exists():
        raise FileExistsError(
            f"{packed} exists and stays as it is: tests of later readers need it. A change of the "
            "format first raises SCHEMA_VERSION in lookup/release/schema.py"
        )
    # Reading golden releases needs no more than `lookup`; making one needs the night.
    from tests.rankers import certain_clicks, write_ranker
    from tests.releases import build, config_at
    from tests.run_tables import Sizes, write_run
    from tests.variants import group_rows

    sizes = Sizes(items=30, users=12, dimensions=20, look=4, k=8, similar=4, again=3, popular=8, events=100)
    with tempfile.TemporaryDirectory() as base:
        config = config_at(Path(base), sizes=sizes, shards=3)
        write_run(config, 1, sizes)
        group_rows(config, family=2)
        write_ranker(config.run, certain_clicks(np.log(0.25), hidden=2, price_cut=1.0), 4.0)
        # As in a large shop, the projections are faster than the scan, so that the release has them.
        with patch("jobs.ranking.index_choice.microseconds", side_effect=chain([9.0], repeat(1.0))):
            release_id = build.run(None, config)["release"]
        pointer.announce(config.releases, release_id)
        said = answers(config.releases)
        with (
            lzma.open(packed, "wb", preset=9 | lzma.PRESET_EXTREME) as file,
            tarfile.open(fileobj=file, mode="w") as tar,
        ):
            for path in files(config.releases, release_id):
                tar.add(path, path.relative_to(base), recursive=False, filter=anonymous)
    lines = (f"{json.dumps(call)}: {json.dumps(answer, ensure_ascii=False)}" for call, answer in said.items())
    packed.with_suffix("").with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return packed


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member without the user who packed it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def files(releases: Path, release_id: str) -> Iterator[Path]:
    """The files of a folder of releases with one release."""
    yield releases / pointer.CURRENT
    yield releases / HISTORY
    yield from sorted(path for path in (releases / release_id).rglob("*") if path.is_file())


if __name__ == "__main__":
    try:
        print(f"{write()} written")
    except FileExistsError as error:
        sys.exit(str(error))
