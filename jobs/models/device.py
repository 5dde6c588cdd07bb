"""Abilities of torch devices, and sums whose order does not change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def native_bfloat16(device: "torch.device") -> bool:
    """Say whether the device multiplies bfloat16 natively; products are then several times faster than in float32."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    abilities = torch.cpu.get_capabilities()
    return any(abilities.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16", "arm_bf16"))


@contextmanager
def repeatable(device: str) -> Iterator[None]:
    """Within the block the same numbers give the same bits on a CPU, whatever else the machine does.

    By default several threads add the gradients of rows that are asked for more than once, in whatever order they come
    (torch's `index_put_` with `accumulate`). A GPU has no other way for some products, and keeps its own.
    """
    import torch

    before, fills = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(before or device == "cpu")
    torch.utils.deterministic.fill_uninitialized_memory = False  # it would cost time, and nothing reads such memory
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = fills
