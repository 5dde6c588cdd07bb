"""Triton kernels of all that is between the products. Imported only where Triton is.

A program looks at one text, or at rows by themselves, in steps of one size. So what it makes of a text has the same
bits wherever the text lies, and whatever lies beside it.
"""

import triton
import triton.language as tl


@triton.jit
def _normed(x, gain, shift, dims, inside, epsilon, WIDTH: tl.constexpr):
    mean = tl.sum(x, axis=1) / WIDTH
    apart = tl.where(inside[None, :], x - mean[:, None], 0.0)
    spread = tl.sqrt(tl.sum(apart * apart, axis=1) / WIDTH + epsilon)
    g = tl.load(gain + dims, mask=inside, other=0.0)
    s = tl.load(shift + dims, mask=inside, other=0.0)
    return apart / spread[:, None] * g[None, :] + s[None, :]


@triton.jit
def embed_kernel(
    tokens, places, words, spots, gain, shift, out, epsilon, WIDTH: tl.constexpr, D: tl.constexpr, M: tl.constexpr
):
    rows = tl.program_id(0) * M + tl.arange(0, M)
    dims = tl.arange(0, D)
    inside = dims < WIDTH
    word = tl.load(tokens + rows).to(tl.int64)
    spot = tl.load(places + rows).to(tl.int64)
    x = tl.load(words + word[:, None] * WIDTH + dims[None, :], mask=inside[None, :], other=0.0).to(tl.float32)
    x += tl.load(spots + spot[:, None] * WIDTH + dims[None, :], mask=inside[None, :], other=0.0).to(tl.float32)
    y = _normed(x, gain, shift, dims, inside, epsilon, WIDTH)
    at = out + rows.to(tl.int64)[:, None] * WIDTH + dims[None, :]
    tl.store(at, y.to(out.dtype.element_ty), mask=inside[None, :])


@triton.jit
def add_norm_kernel(x, bias, states, gain, shift, out, epsilon, WIDTH: tl.constexpr, D: tl.constexpr, M: tl.constexpr):
    rows = tl.program_id(0).to(tl.int64) * M + tl.arange(0, M)
    dims = tl.arange(0, D)
    inside = dims < WIDTH
    at = rows[:, None] * WIDTH + dims[None, :]
    total = tl.load(x + at, mask=inside[None, :], other=0.0).to(tl.float32)
    total += tl.load(states + at, mask=inside[None, :], other=0.0).to(tl.float32)
    total += tl.load(bias + dims, mask=inside, other=0.0)[None, :]
    y = _normed(total, gain, shift, dims, inside, epsilon, WIDTH)
    tl.store(out + at, y.to(out.dtype.element_ty), mask=inside[None, :])


@triton.jit
def attend_kernel(
    joint, blocks, out, scale,
    WIDTH: tl.constexpr, SIZE: tl.constexpr, HEADS: tl.constexpr, Q: tl.constexpr, K: tl.constexpr,
):  # fmt: skip
    block = blocks + tl.program_id(0) * 3
    first = tl.load(block).to(tl.int64)
    length = tl.load(block + 1)
    rows = tl.load(block + 2) + tl.arange(0, Q)
    dims = tl.arange(0, SIZE)
    here = (rows < length)[:, None]
    for turn in range(tl.where(length > 0, HEADS, 0)):
        number = tl.program_id(1) * HEADS + turn
        head = joint + first * (3 * WIDTH) + number * SIZE
        q = tl.load(head + rows[:, None] * (3 * WIDTH) + dims[None, :], mask=here, other=0.0)
        best = tl.full((Q,), float("-inf"), tl.float32)
        shares = tl.zeros((Q,), tl.float32)
        found = tl.zeros((Q, SIZE), tl.float32)
        for begin in range(0, length, K):
            keys = begin + tl.arange(0, K)
            real = keys < length
            k = tl.load(head + WIDTH + keys[None, :] * (3 * WIDTH) + dims[:, None], mask=real[None, :], other=0.0)
            v = tl.load(head + 2 * WIDTH + keys[:, None] * (3 * WIDTH) + dims[None, :], mask=real[:, None], other=0.0)
            scores = tl.where(real[None, :], tl.dot(q, k) * scale, float("-inf"))
            above = tl.maximum(best, tl.max(scores, axis=1))
            share = tl.exp2(scores - above[:, None])
            fades = tl.exp2(best - above)
            shares = shares * fades + tl.sum(share, axis=1)
            found = found * fades[:, None] + tl.dot(share.to(v.dtype), v)
            best = above
        y = (found / shares[:, None]).to(out.dtype.element_ty)
        tl.store(out + (first + rows)[:, None] * WIDTH + number * SIZE + dims[None, :], y, mask=here)


@triton.jit
def pool_kernel(
    states, texts, out, WIDTH: tl.constexpr, D: tl.constexpr, STEP: tl.constexpr, FIRST_TOKEN: tl.constexpr
):
    text = tl.program_id(0)
    first = tl.load(texts + 2 * text).to(tl.int64)
    length = tl.load(texts + 2 * text + 1)
    dims = tl.arange(0, D)
    inside = dims < WIDTH
    counted = length
    if FIRST_TOKEN:
        counted = tl.minimum(length, 1)
    if length > 0:
        total = tl.zeros((D,), tl.float32)
        for begin in range(0, counted, STEP):
            rows = begin + tl.arange(0, STEP)
            at = states + (first + rows)[:, None] * WIDTH + dims[None, :]
            part = tl.load(at, mask=(rows < counted)[:, None] & inside[None, :], other=0.0)
            total += tl.sum(part.to(tl.float32), axis=0)
        total = total / tl.sqrt(tl.sum(total * total))
        tl.store(out + text.to(tl.int64) * WIDTH + dims, total, mask=inside)
