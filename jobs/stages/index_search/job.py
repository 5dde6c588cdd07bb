"""Job `index_search`: items, their text vectors and the query log -> the search index of the release to come."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.config import Config

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs.models.query_encoder.learn import Learned
    from jobs.stages.index_search.shop import ShopItems


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Write the search index of the run's items. Returns how much there is of it, and how good the encoder is.

    Raises MissingStepError when a job before has not run, ConfigError when the text model cannot be loaded.
    """
    from jobs.infra.search_file import FILE, FOLDER
    from jobs.models.query_encoder.table import units
    from jobs.models.understanding.build import QuerySources
    from jobs.search.build import ItemTable, build_search
    from jobs.stages.index_search.shop import shop_items, text_vectors
    from lookup.search import index_file

    night = config.run
    features: dict[str, str] = night.read_json("features.json")["features"]
    items = shop_items(night, features)
    vectors = text_vectors(night, items.read)
    started = time.monotonic()
    learned = learn_encoder(config, items, vectors)
    taught = time.monotonic() - started
    table = ItemTable(
        texts=items.texts,
        day=items.day,
        understood=QuerySources(
            titles=[texts[0] for texts in items.texts],
            category=items.category,
            brand=items.brand,
            popularity=items.popularity,
            categories=items.categories,
            brands=items.brands,
            values=items.values,
        ),
        vectors=None if learned is None else units(vectors @ learned.projection),
        encoder={} if learned is None else learned.arrays,
        now=items.now,
    )
    started = time.monotonic()
    arrays, facts = build_search(table)
    with night.replacing(FOLDER) as folder:
        folder.mkdir()
        index_file.write(folder / FILE, arrays, {"daybreak": facts.text()})
    return {
        "items": len(items.texts),
        "terms": len(arrays["term_hash"]),
        "postings": len(arrays["term_docs"]),
        "tokens": len(arrays["query_token_hash"]),
        "suggestions": len(arrays["suggest_kind"]),
        "head_queries": len(arrays["head_total"]),
        "mib": round(sum(array.nbytes for array in arrays.values()) / 2**20, 1),
        "encoder_seconds": round(taught, 1),
        "index_seconds": round(time.monotonic() - started, 1),
        "encoder": [] if learned is None else [step._asdict() for step in learned.steps],
    }


def learn_encoder(config: Config, items: "ShopItems", vectors: Any) -> "Learned | None":
    """The day's encoder of queries; None for a shop without any text."""
    import torch

    from jobs.models.content.text_encoder import TextEncoder, locate
    from jobs.models.query_encoder.learn import learn
    from jobs.models.query_encoder.vocabulary import pieces_of
    from lookup.text.analyzer import Analyzer

    analyzer, options = Analyzer(), config.embed
    titles = [[token.text for token in analyzer.tokens(texts[0])] for texts in items.texts]
    if not any(titles) or not np.any(vectors):
        return None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = TextEncoder(
        locate(options.model, config.base),
        max_tokens=options.max_tokens,
        batch_tokens=options.batch_tokens,
        precision=options.precision,
        device=device,
        pickles=options.pickles,
    )
    return learn(titles, [], vectors, model.encode, pieces_of(model.tokenizer), device=device)
