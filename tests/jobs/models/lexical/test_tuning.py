"""The search for parameters."""

from jobs.models.lexical.tuning import tuned
from lookup.retrieval.lexical.build import Parameters

GOAL = Parameters(0.8, (0.2, 0.6, 0.6, 0.6, 1.0), (1.0, 1.0, 0.6, 0.6, 2.5))


def distance(parameters: Parameters) -> float:
    flat = [(one.k1, *one.b, *one.weights) for one in (parameters, GOAL)]
    return -sum(abs(one - two) for one, two in zip(*flat, strict=True))


def test_the_best_of_the_grid_is_found_along_its_axes() -> None:
    found = tuned(distance, fields=("title", "description"))
    assert found.parameters == GOAL
    assert (found.worth, found.before) == (0.0, distance(Parameters()))
    assert found.tried < 60


def test_what_makes_no_difference_stays() -> None:
    asked: list[Parameters] = []

    def worth_of(parameters: Parameters) -> float:
        asked.append(parameters)
        return 0.5

    start = Parameters(0.3)
    assert tuned(worth_of, start).parameters == start
    assert len(asked) == len(set(asked))
