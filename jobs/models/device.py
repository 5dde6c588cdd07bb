"""Abilities of torch devices."""

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
