"""From rows to searches: each once, by a person, and finished."""

from jobs.models.query_log.log import MOST_A_DAY, QueryLog, read_log
from tests.jobs.models.query_log.logs import row, rows


def found(log: QueryLog) -> list[tuple[str, str | None]]:
    return list(log.searches.select("query", "user_id").iter_rows())


def test_rows_of_one_search_are_one_with_the_items_of_all():
    log = read_log(
        rows(
            row("Red%20mug", "u", 0, results=7, search="s"),
            row("Red mug", "u", 5, 3, position=2, search="s"),
            row("Red mug", "u", 9, 3, kind="purchase", search="s"),
            row("Red mug", "u", 0, 4, kind="shown", position=1, search="s"),
        )
    )
    assert log.searches.drop("time").rows() == [(0, "red mug", "Red mug", "u", 7, True, True)]
    assert log.items.rows() == [(0, 4, 1, False, False), (0, 3, 2, True, True)]
    assert log.left_out == {}


def test_the_same_again_within_a_visit_is_one_search():
    log = read_log(
        rows(
            row("mug", "u", 0),
            row("Mug", "u", 600, 3),
            row("mug", "u", 2000, 4),
            row("mug", "u", 9000),
            row("mug", "v", 1),
            row("mug", None, 2, search="n1"),
            row("mug", None, 3, search="n2"),
        )
    )
    assert found(log) == [("mug", "u"), ("mug", "v"), ("mug", None), ("mug", None), ("mug", "u")]
    assert log.items.select("search", "item").rows() == [(0, 3), (0, 4)]
    assert log.left_out == {"repeated": 2}


def test_words_on_the_way_to_others_do_not_count():
    typed = ["b", "bl", "blu", "blue", "blue ", "blue s", "blue shoe", "blue shoes"]
    log = read_log(
        rows(
            *(row(text, "u", place) for place, text in enumerate(typed)),
            row("mu", "v", 0, 5),
            row("mug", "v", 9),
            row("mug", "w", 0),
            row("mug red", "w", 9),
            row("mugs", "x", 0),
            row("mug", "x", 1),
            row("blu", None, 0),
            row("blue", None, 1),
        )
    )
    assert sorted(found(log), key=str) == [
        ("blu", None),
        ("blue shoes", "u"),
        ("blue", None),
        ("mu", "v"),
        ("mug red", "w"),
        ("mug", "v"),
        ("mug", "w"),
        ("mug", "x"),
    ]
    assert log.left_out == {"one letter": 1, "repeated": 1, "unfinished": 6}


def test_programs_do_not_count_and_a_number_of_many_people_is_no_user():
    many = range(MOST_A_DAY + 1)
    log = read_log(
        rows(
            *(row(f"word {n}", "bot", n) for n in many),
            *(row(f"word {n}", "server", n, n if n % 2 else None) for n in many),
            row("mug", "u", 0, 1),
        )
    )
    assert log.left_out == {"program": len(many)}
    assert log.searches["user_id"].drop_nulls().to_list() == ["u"]
    assert len(log.searches) == len(many) + 1
    silent = read_log(rows(*(row(f"word {n}", "server", n) for n in many)))
    assert len(silent.searches) == len(many)  # without any click in the log nobody can tell


def test_what_is_no_query_is_counted_by_its_reason():
    log = read_log(rows(row("...", "u", 0), row("a@b.org", "u", 9), row("%3Cscript%3E", "u", 20), row("mug", "u", 99)))
    assert log.left_out == {"address": 1, "machine": 1, "no words": 1}
    assert found(log) == [("mug", "u")]


def test_an_empty_log_is_empty():
    log = read_log(rows())
    assert (len(log.searches), len(log.items), log.left_out) == (0, 0, {})
