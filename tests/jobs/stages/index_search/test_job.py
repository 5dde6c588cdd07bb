"""The job writes a search index that a release can have."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.config.config import Config
from jobs.infra.runs import MARK
from jobs.models.lexical import segments
from jobs.models.query_log.languages import Languages
from jobs.search.search_file import FILE, FOLDER
from jobs.stages.index_search import job, log
from lookup.search import index_file
from lookup.search.index import Facts, SearchIndex
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

TEXT_VECTORS = pa.schema([("text", pa.string()), ("vector", pa.list_(pa.float32()))])
SEARCHES = pa.schema(
    [
        *((name, pa.string()) for name in ("search_id", "query", "user_id")),
        ("time", pa.timestamp("us", "UTC")),
        *((name, pa.bool_()) for name in ("clicked", "bought")),
        *((name, pa.int32()) for name in ("item", "position")),
        ("results", pa.int64()),
    ]
)


def write_empty(config: Config, table: str, schema: pa.Schema) -> None:
    folder = config.run.path(table)
    folder.mkdir()
    pq.write_table(schema.empty_table(), folder / "part-0.parquet")
    (folder / MARK).write_bytes((config.run.path("items") / MARK).read_bytes())


def test_a_shop_whose_texts_have_no_vectors_is_searched_by_words(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    write_run(config, 1, Sizes(items=12, users=3))
    write_empty(config, "text_vectors", TEXT_VECTORS)
    write_empty(config, "searches", SEARCHES)
    counts = job.run(None, config)
    path = config.run.path(FOLDER) / FILE
    arrays, metadata = index_file.read(path)
    index = SearchIndex(arrays, Facts.of(metadata, path), 12)
    assert counts["items"] == 12
    assert counts["terms"] == len(arrays["term_hash"])
    assert counts["postings"] == len(arrays["term_docs"])
    assert counts["tokens"] == 0
    assert counts["encoder"] == []
    rows = index.words.postings.matches(index.words.slots(index.asked('item "7"').needed()))
    assert rows.tolist() == [7]
    before = path.read_bytes()
    job.run(None, config)
    assert path.read_bytes() == before


def test_a_missing_package_is_told_with_what_it_would_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_at(tmp_path)
    write_run(config, 1, Sizes(items=12, users=3))
    write_empty(config, "text_vectors", TEXT_VECTORS)
    write_empty(config, "searches", SEARCHES)
    monkeypatch.setattr(segments, "find_spec", lambda _: None)
    monkeypatch.setattr(log, "languages_of", lambda *_: Languages((), ("japanese", "korean")))
    counts = job.run(None, config)
    told = [line for line in capsys.readouterr().out.splitlines() if "package_missing" in line]
    assert len(told) == 1
    assert all(word in told[0] for word in ("janome", "daybreak[cjk]", "suggestions at words"))
    assert counts["languages"] == "japanese, korean"
