import json
import subprocess
import sys
import types

import lookup
from tests.lookup.conftest import Two

LATE = {"Explanation", "Facets", "SearchExplanation", "SearchResult", "Suggested"}
"""Load when they are first asked for."""
HEAVY = "airflow jobs pandas polars pyarrow pyspark redis torch transformers"


def test_exports_equal_all() -> None:
    public = {
        name
        for name, value in vars(lookup).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert not public & LATE
    assert public | LATE == set(lookup.__all__)
    assert all((getattr(lookup, name).__doc__ or "").strip() for name in lookup.__all__)


def test_a_backend_that_only_recommends_loads_no_search() -> None:
    late = ["lookup.scoring.explain", *(f"lookup.serving.search.{name}" for name in ("explain", "result", "suggest"))]
    program = f"import sys, lookup; print([name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert lookup.SearchResult.__module__ == "lookup.serving.search.result"


def test_a_backend_loads_nothing_heavy(built: Two) -> None:
    """Neither importing nor serving does, in an interpreter of its own; DuckDB is not in the request path."""
    program = """
import json, sys
import lookup
shop = lookup.open(sys.argv[1])
hits = [shop.recommend("user-1"), shop.recommend("x", history=["item-1"]), shop.similar("item-1"), shop.popular(),
        shop.buy_again("user-1"), [shop.item("item-1")]]
assert all(hits)
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(built.releases)], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "lookup" in loaded
    assert not loaded & {*HEAVY.split(), "duckdb"}
