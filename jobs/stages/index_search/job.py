"""Job `index_search`: items, their text vectors and the query log -> the search index of the release to come."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.config import Config
from jobs.infra.logging import log_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs.models.query_encoder.learn import Learned
    from jobs.stages.index_search.shop import ShopItems
    from lookup.text.analyzer import Analyzer


def run(spark: "SparkSession | None", config: Config) -> dict[str, Any]:
    """Write the search index of the run's items. Returns how much there is of it, and how good the encoder is.

    Without `[search] enabled`, the release gets none. Raises MissingStepError when a job before has not run,
    ConfigError when the text model or a file of the shop's own cannot be read.
    """
    from jobs.infra.storage.disk import remove
    from jobs.models.lexical.segments import BRINGS, missing
    from jobs.models.query_encoder.table import units
    from jobs.search.build import ItemTable, build_search
    from jobs.search.search_file import FILE, FOLDER
    from jobs.stages.index_search.log import languages_of, query_log, shop_sources
    from jobs.stages.index_search.shop import shop_items, text_vectors
    from lookup.retrieval.lexical.build import Parameters
    from lookup.search import index_file
    from lookup.text.analyzer import Analyzer

    night = config.run
    if not config.search.enabled:
        remove(night.path(FOLDER))
        return {"enabled": False}
    features: dict[str, str] = night.read_json("features.json")["features"]
    items = shop_items(night, features)
    languages, segmented = languages_of(config, items)
    for package in missing(segmented):
        log_line("index_search", "package_missing", package=package, install="daybreak[cjk]", brings=BRINGS)
    log = query_log(night)
    sources = shop_sources(config, items, log)
    vectors = text_vectors(night, items.read)
    started = time.monotonic()
    learned, encoded = learn_encoder(config, items, vectors, Analyzer(languages), list(sources.queries))
    taught = time.monotonic() - started
    started = time.monotonic()
    table = ItemTable(
        texts=items.texts,
        day=items.day,
        understood=sources if learned is None else replace(sources, language=learned.language),
        languages=languages,
        segmented=segmented,
        vectors=None if learned is None else units(vectors @ learned.projection),
        encoder={} if learned is None else learned.arrays,
        now=items.now,
        most_queries=config.search.most_queries,
    )
    arrays, facts = build_search(table)
    with night.replacing(FOLDER) as folder:
        folder.mkdir()
        index_file.write(folder / FILE, arrays, {"daybreak": facts.text()})
        log.write(folder)
    return {
        "languages": ", ".join((*languages, *segmented)),
        "searches": len(log.read.searches),
        "queries": len(log.queries),
        "items": len(items.texts),
        "terms": len(arrays["term_hash"]),
        "postings": len(arrays["term_docs"]),
        "tokens": len(arrays["query_token_hash"]),
        "suggestions": len(arrays["suggest_kind"]),
        "head_queries": len(arrays["head_total"]),
        "mib": round(sum(array.nbytes for array in arrays.values()) / 2**20, 1),
        **encoded,
        "encoder_seconds": round(taught, 1),
        "index_seconds": round(time.monotonic() - started, 1),
        "bm25": {**Parameters.of(arrays)._asdict(), **facts.clicked},
        "encoder": [] if learned is None else [step._asdict() for step in learned.steps],
    }


def learn_encoder(
    config: Config, items: "ShopItems", vectors: Any, analyzer: "Analyzer", queries: list[str]
) -> "tuple[Learned | None, dict[str, Any]]":
    """The day's encoder of queries; None for a shop without any text. queries: of the log.

    Beside it, for the receipt: the date of the night that learned it, whether it is that of an earlier one, and
    otherwise how many of the texts that taught it are new, taken over and dropped.
    """
    import torch

    from jobs.infra.kept.store import KeptVectors
    from jobs.models.content.fingerprint import QUERIES, text_facts
    from jobs.models.content.kept_texts import KeptTexts
    from jobs.models.content.text_encoder import tokenizer_of
    from jobs.models.content.text_encoders import encoder_of, text_computing_of
    from jobs.models.query_encoder.kept import Lessons, QueryEncoders
    from jobs.models.query_encoder.learn import learn
    from jobs.models.query_encoder.vocabulary import pieces_of
    from jobs.models.text_encoder_training.model_store import used

    options = config.embed

    def words(texts: list[str]) -> list[list[str]]:
        return [[token.text for token in analyzer.tokens(text)] for text in texts]

    titles = words([texts[0] for texts in items.texts])
    if not any(titles) or not np.any(vectors):
        return None, {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = used(config)[1]
    texts = text_facts(options, name, text_computing_of(options.precision, device))
    said, counts = words(queries), dict[str, int]()

    def taught() -> "Learned":
        encode = encoder_of(options, name, device).encode
        kept = KeptTexts(KeptVectors(config.work, QUERIES, texts, "index_search"), encode, device)
        made = learn(titles, said, vectors, kept, pieces_of(tokenizer_of(name)), device=device)
        counts.update({f"texts_{what}": count for what, count in kept.counts.items()})
        return made

    facts = {"texts": texts, "languages": analyzer.languages}
    max_age_days = None if config.full else config.search.max_age_days
    encoders = QueryEncoders(config.work, facts, config.date, max_age_days)
    learned, day = encoders.learned_once(Lessons(titles, said, vectors), taught)
    of = {"encoder_learned": (day or config.date).isoformat(), "encoder_taken_over": day is not None}
    return learned, {**of, **counts}
