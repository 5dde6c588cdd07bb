"""The job writes a search index that a release can have."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.infra.runs import MARK
from jobs.infra.search_file import FILE, FOLDER
from jobs.stages.index_search import job
from lookup.search import index_file
from lookup.search.index import Facts, SearchIndex
from tests.releases import Sizes, config_at, write_run


def test_a_shop_whose_texts_have_no_vectors_is_searched_by_words(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    write_run(config, 1, Sizes(items=12, users=3))
    folder = config.run.path("text_vectors")
    folder.mkdir(exist_ok=True)
    none = pa.table({"text": pa.array([], pa.string()), "vector": pa.array([], pa.list_(pa.float32()))})
    pq.write_table(none, folder / "part-0.parquet")
    (folder / MARK).write_bytes((config.run.path("items") / MARK).read_bytes())
    counts = job.run(None, config)
    path = config.run.path(FOLDER) / FILE
    arrays, metadata = index_file.read(path)
    index = SearchIndex(arrays, Facts.of(metadata, path), 12)
    assert counts["items"] == 12
    assert counts["terms"] == len(arrays["term_hash"])
    assert counts["postings"] == len(arrays["term_docs"])
    assert counts["tokens"] == 0
    assert counts["encoder"] == []
    rows = index.words.postings.matches(index.words.slots(index.asked('item "7"').positions))
    assert rows.tolist() == [7]
    before = path.read_bytes()
    job.run(None, config)
    assert path.read_bytes() == before
