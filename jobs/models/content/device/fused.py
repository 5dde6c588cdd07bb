"""Launches of the kernels. Imported only where Triton is."""

import math

import torch
import triton

from jobs.models.content.device import kernels
from jobs.models.content.device.packing import QUERIES

ROWS, NORM_WARPS = 8, 4
"""Of a program of a norm."""
KEYS = 32
"""That a block of queries meets at a time."""
HEADS, WARPS, STAGES = 4, 1, 2
"""That a program attends with, one after another, at most; its warps; and keys that are on their way."""


def embed(
    tokens: torch.Tensor,
    places: torch.Tensor,
    words: torch.Tensor,
    spots: torch.Tensor,
    norm: tuple[torch.Tensor, torch.Tensor, float],
) -> torch.Tensor:
    """Return the states of tokens before the first layer, shape (tokens, width).

    words, spots: the vectors of tokens and of places. norm: gain, shift and epsilon.
    """
    width = words.shape[1]
    out = words.new_empty(len(tokens), width)
    gain, shift, epsilon = norm
    kernels.embed_kernel[len(tokens) // ROWS,](
        tokens, places, words, spots, gain, shift, out, epsilon,
        WIDTH=width, D=triton.next_power_of_2(width), M=ROWS, num_warps=NORM_WARPS,
    )  # fmt: skip
    return out


def add_norm(
    x: torch.Tensor, bias: torch.Tensor, states: torch.Tensor, norm: tuple[torch.Tensor, torch.Tensor, float]
) -> torch.Tensor:
    """Return the normalised sum of what a layer made, its bias, and the states before it."""
    width = x.shape[1]
    out = torch.empty_like(states)
    gain, shift, epsilon = norm
    kernels.add_norm_kernel[len(x) // ROWS,](
        x, bias, states, gain, shift, out, epsilon,
        WIDTH=width, D=triton.next_power_of_2(width), M=ROWS, num_warps=NORM_WARPS,
    )  # fmt: skip
    return out


def attend(joint: torch.Tensor, blocks: torch.Tensor, heads: int) -> torch.Tensor:
    """Return what texts find within themselves, shape (tokens, width).

    joint: queries, keys and values of each token beside each other. blocks: as in `Batch`.
    """
    width = joint.shape[1] // 3
    out = joint.new_empty(len(joint), width)
    size, each = width // heads, math.gcd(heads, HEADS)
    kernels.attend_kernel[len(blocks), heads // each](
        joint, blocks, out, math.log2(math.e) / math.sqrt(size),
        WIDTH=width, SIZE=size, HEADS=each, Q=QUERIES, K=KEYS, num_warps=WARPS, num_stages=STAGES,
    )  # fmt: skip
    return out


def pool(states: torch.Tensor, texts: torch.Tensor, first_token: bool) -> torch.Tensor:
    """Return the vectors of texts, float32, of length 1: of their first token, or of the mean of all. texts: as in
    `Batch`; where no text is, the vector is any."""
    width = states.shape[1]
    out = torch.empty((len(texts), width), device=states.device)
    kernels.pool_kernel[len(texts),](
        states, texts, out, WIDTH=width, D=triton.next_power_of_2(width), STEP=16, FIRST_TOKEN=first_token, num_warps=4
    )
    return out
