"""Sums of gradients have the same bits, however many threads make them and in whatever order."""

import torch

from jobs.models.device import repeatable


def gradient() -> torch.Tensor:
    """Of rows that are asked for thousands of times each, which threads add to at once."""
    torch.manual_seed(1)
    rows = torch.randn(50, 64, requires_grad=True)
    asked = torch.randint(50, (20_000,))
    (rows[asked] * torch.randn(20_000, 64)).sum().backward()
    assert rows.grad is not None
    return rows.grad


def test_threads_add_in_one_order_within_the_block_and_settings_are_as_before_after_it() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with repeatable("cpu"):
            first, *others = [gradient() for _ in range(20)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(first, other) for other in others)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_gpu_keeps_its_own_way() -> None:
    with repeatable("cuda:0"):
        assert not torch.are_deterministic_algorithms_enabled()
