"""The ids of releases."""

from datetime import UTC, datetime
from pathlib import Path

from jobs.stages.build import assemble


def test_ids_are_in_the_order_in_which_releases_were_made(tmp_path: Path) -> None:
    """Also within a second, and where the clock is a little behind; not where another clock was far ahead."""
    now = datetime(2026, 11, 22, 12, 0, 59, 900_000, UTC)
    made: list[str] = []
    for _ in range(5):
        made.append(assemble._new_id(tmp_path, now))
        (tmp_path / made[-1]).mkdir()
    assert made == sorted(made)
    assert [name[9:15] for name in made] == ["120059", "120100", "120101", "120102", "120103"]
    (tmp_path / "20300101T000000Z-abcd").mkdir()
    (tmp_path / "no release").mkdir()
    assert assemble._new_id(tmp_path, now).startswith("20261122T120059Z-")
