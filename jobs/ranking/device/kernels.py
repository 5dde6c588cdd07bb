"""Triton kernels of the coarse pass. Triton comes with torch for CUDA; elsewhere this module cannot be imported.

A tile of scores never leaves its multiprocessor. Every thread keeps the maximum of a stripe of GROUP scores of a query
(columns LANES apart, which lie in its own registers) and compares it with the threshold of the query. A stripe above it
is written out whole, a few in a thousand. Each (query, split, lane) has a place of its own, so nothing is atomic.
"""

import triton
import triton.language as tl

LANES = tl.constexpr(8)


@triton.jit
def _put(where, value, mask):
    # An ordinary store would first move the whole tile through shared memory to another order.
    tl.inline_asm_elementwise(
        "{ .reg .pred p; setp.ne.s32 p, $3, 0; @p st.global.b32 [$1], $2; mov.u32 $0, 0; }",
        "=r,l,r,r",
        [where, value, mask],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def maxima_kernel(queries, coarse, out, n, tiles, D: tl.constexpr, M: tl.constexpr, W: tl.constexpr):
    rows = tl.program_id(0) * M + tl.arange(0, M)
    dims = tl.arange(0, D)
    here = rows < n
    q = tl.load(queries + rows[:, None] * D + dims[None, :], mask=here[:, None], other=0.0)
    for tile in range(tl.program_id(1), tiles, tl.num_programs(1)):
        columns = tile * W + tl.arange(0, W)
        v = tl.load(coarse + columns[None, :] * D + dims[:, None])
        best = tl.max(tl.dot(q, v), axis=1)
        tl.store(out + rows * tiles + tile, best, mask=here)


@triton.jit
def stripes_kernel(
    queries, coarse, thresholds, values, stripes, counts, n, tiles, splits, capacity,
    D: tl.constexpr, M: tl.constexpr, W: tl.constexpr, GROUP: tl.constexpr, DIRECT: tl.constexpr,
):  # fmt: skip
    split = tl.program_id(1)
    rows = tl.program_id(0) * M + tl.arange(0, M)
    dims = tl.arange(0, D)
    lanes = tl.arange(0, LANES)
    members = tl.arange(0, GROUP)
    here = rows < n
    q = tl.load(queries + rows[:, None] * D + dims[None, :], mask=here[:, None], other=0.0)
    threshold = tl.load(thresholds + rows, mask=here, other=float("inf"))
    place = (rows * splits + split)[:, None] * LANES + lanes[None, :]
    count = tl.zeros((M, LANES), tl.int32)
    for tile in range(split, tiles, splits):
        columns = tile * W + tl.arange(0, W)
        v = tl.load(coarse + columns[None, :] * D + dims[:, None])
        scores = tl.reshape(tl.dot(q, v), (M, GROUP, LANES))
        hit = tl.max(scores, axis=1) > threshold[:, None]
        kept = hit & (count < capacity)
        slot = place * capacity + count
        where = slot[:, None, :] * GROUP + members[None, :, None]
        if DIRECT:  # the interpreter of Triton, which runs on a CPU, knows no assembler
            own = tl.broadcast_to(kept.to(tl.int32)[:, None, :], (M, GROUP, LANES))
            _put((values + where).to(tl.int64), scores.to(tl.int32, bitcast=True), own)
            _put((stripes + slot).to(tl.int64), tl.zeros((M, LANES), tl.int32) + tile, kept.to(tl.int32))
        else:
            tl.store(values + where, scores, mask=tl.broadcast_to(kept[:, None, :], (M, GROUP, LANES)))
            tl.store(stripes + slot, tl.zeros((M, LANES), tl.int32) + tile, mask=kept)
        count += hit.to(tl.int32)
    tl.store(counts + place, count, mask=here[:, None])


@triton.jit
def collect_kernel(
    thresholds, values, stripes, counts, order, candidates, found, splits, capacity, room,
    W: tl.constexpr, GROUP: tl.constexpr, STEP: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    threshold = tl.load(thresholds + row)
    each = tl.arange(0, LANES * STEP * GROUP)
    lane = each // (STEP * GROUP)
    member = each % GROUP
    total = tl.zeros((), tl.int32)
    for split in range(splits):
        first = (row * splits + split) * LANES
        most = tl.minimum(tl.max(tl.load(counts + first + tl.arange(0, LANES))), capacity)
        have = tl.load(counts + first + lane)
        for start in range(0, most, STEP):
            one = start + each // GROUP % STEP
            slot = (first + lane) * capacity + one
            there = (one < have) & (one < capacity)
            value = tl.load(values + slot * GROUP + member, mask=there, other=0.0)
            item = tl.load(stripes + slot, mask=there, other=0) * W + member * LANES + lane
            item = tl.load(order + item, mask=there, other=-1)
            good = (there & (value > threshold) & (item >= 0)).to(tl.int32)
            at = total + tl.cumsum(good) - good
            tl.store(candidates + row * room + at, item, mask=(good > 0) & (at < room))
            total += tl.sum(good)
    tl.store(found + row, total)


@triton.jit
def rescore_kernel(queries, rows, candidates, found, keys, room, d, D: tl.constexpr, B: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    each = tl.program_id(1) * B + tl.arange(0, B)
    have = tl.minimum(tl.load(found + row), room)
    key = tl.full((B,), -(1 << 63), tl.int64)
    if tl.program_id(1) * B < have:
        dims = tl.arange(0, D)
        inside = dims < d
        q = tl.load(queries + row * d + dims, mask=inside, other=0.0)
        item = tl.load(candidates + row * room + each, mask=each < have, other=0).to(tl.int64)
        v = tl.load(rows + item[:, None] * d + dims[None, :], mask=inside[None, :], other=0.0)
        bits = (tl.sum(v * q[None, :], axis=1) + 0.0).to(tl.int32, bitcast=True)
        # As `keys.keys_of`.
        high = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.int64) << 32
        key = tl.where(each < have, high | (0xFFFFFFFF - item), key)
    tl.store(keys + row * room + each, key, mask=each < room)


@triton.jit
def products_kernel(queries, rows, row, item, out, count, d, D: tl.constexpr, B: tl.constexpr):
    each = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
    there = each < count
    dims = tl.arange(0, D)
    inside = (dims < d)[None, :]
    q = tl.load(queries + tl.load(row + each, mask=there, other=0)[:, None] * d + dims[None, :], mask=inside, other=0.0)
    v = tl.load(rows + tl.load(item + each, mask=there, other=0)[:, None] * d + dims[None, :], mask=inside, other=0.0)
    tl.store(out + each, tl.sum(q * v, axis=1), mask=there)
