from lookup.errors import LogError
from lookup.patches.following.breaker import Breaker

ERROR = LogError("log.sqlite: gone")


def fine() -> None:
    pass


def failing() -> None:
    raise LogError("log.sqlite: a page is damaged")


def test_a_request_opens_it_and_the_background_closes_it() -> None:
    breaker = Breaker()
    breaker.answered()
    breaker.failed(ERROR, fine)
    assert (breaker.open, breaker.problem, breaker.down) == (True, "log.sqlite: gone", False)
    breaker.answered()
    assert (breaker.open, breaker.problem) == (False, None)


def test_the_background_may_miss_once() -> None:
    breaker = Breaker()
    breaker.answered()
    breaker.missed(ERROR)
    assert (breaker.open, breaker.problem) == (False, None)
    breaker.missed(ERROR)
    assert (breaker.open, breaker.down) == (True, True)


def test_the_first_miss_counts_before_any_answer() -> None:
    breaker = Breaker()
    breaker.missed(ERROR)
    assert breaker.problem == "log.sqlite: gone"


def test_what_one_request_cannot_read_stays_told_while_others_ask() -> None:
    breaker = Breaker()
    breaker.failed(ERROR, failing)
    for _ in range(2):
        breaker.answered()
        assert (breaker.open, breaker.problem) == (False, "log.sqlite: a page is damaged")
