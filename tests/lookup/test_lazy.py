"""Values that an object computes when they are first asked for."""

import threading

from lookup.lazy import lazy

SECONDS = 30.0


class Slow:
    def __init__(self) -> None:
        self.computed = 0
        self.asked, self.go_on = threading.Event(), threading.Event()

    @lazy
    def value(self) -> list[int]:
        """What it is."""
        self.computed += 1
        self.asked.set()
        assert self.go_on.wait(SECONDS)
        return [self.computed]


def test_it_is_computed_once() -> None:
    one = Slow()
    one.go_on.set()
    assert one.value is one.value
    assert one.computed == 1
    assert Slow.value.__doc__ == "What it is."


def test_while_one_object_computes_no_other_waits() -> None:
    """Nor does the child of a fork, which would find the lock taken for ever."""
    one, other = Slow(), Slow()
    other.go_on.set()
    thread = threading.Thread(target=lambda: one.value)
    thread.start()
    assert one.asked.wait(SECONDS)
    assert other.value == [1]
    one.go_on.set()
    thread.join(SECONDS)
    assert one.value == [1]


def test_threads_that_compute_at_once_see_one_value() -> None:
    one = Slow()
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(one.value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    one.go_on.set()
    for thread in threads:
        thread.join(SECONDS)
    assert len(found) == 4
    assert all(value is one.value for value in found)
