// Exact top-K of inner products on processors with AVX512-VNNI: int8 products choose, float32 decides. See search.py.
//
// A coarse score c of int8 vectors differs from the float32 score s by at most an error e, which Python knows for each
// query and block of items. So `low` = c - e and `high` = c + e enclose s. The bar of a query is the k-th largest low
// that was seen: what has a high below it is not in the list. All others are kept, and scored in float32 at the end.

#include <cstdint>

extern "C" {

struct Items {
    const uint8_t *packed;    // blocks x words x BLOCK x 4: bytes of BLOCK items side by side, 128 stands for 0
    const float *rows;        // count x d
    const int32_t *order;     // blocks x BLOCK: the row of each place, -1 after the last
    const int32_t *place;     // count: the place of each row
    const float *step;        // of each block: what a 1 stands for,
    const float *error;       // the largest norm of what was rounded off,
    const float *norm;        // and the largest norm
    int64_t count, words, d;
};

struct Lists {  // CSR
    const int64_t *offsets;
    const int32_t *rows;
    const float *values;      // to add to scores; none: the rows are left out
};

struct Queries {
    const int8_t *packed;     // count x words x 4
    const float *rows;        // count x d
    const float *step;        // what a 1 stands for
    const float *lost, *kept; // norms of what was rounded off, and of the rest
    const float *noise;       // the share of an item's norm by which sums in float32 may be wrong
    const Lists *excluded, *terms;  // or null
    const uint64_t *allowed;  // of each block, a bit an item: whether it may be in a list; null: all may
    int64_t count;
};

int daybreak_version(void) { return 3; }  // as library.py: raise both when arguments change
int daybreak_runs(void);
int daybreak_top_k(const Items *, const Queries *, int64_t k, int64_t room, int32_t *found, float *scores,
                   uint8_t *proven);
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,popcnt")))

namespace {

constexpr int LANES = 16, VECTORS = 4, BLOCK = VECTORS * LANES;  // items of a tile
constexpr int GROUP = 6;     // queries of a tile: GROUP x VECTORS sums, VECTORS items and a query fill the 32 registers
constexpr int CHUNK = 192;   // queries that go through all items together; a multiple of GROUP
constexpr int SPARE = 2 * BLOCK;
constexpr double CLOSED = 1e300;  // the bar of a query that has more items than room
constexpr uint32_t TOP = 0x80000000u;
constexpr float LEFT_OUT = -std::numeric_limits<float>::infinity();

// Integers that compare as floats do, as in jobs/ranking/keys.py.
inline int32_t key_of(float score) {
    score += 0.0f;  // turns -0.0 into 0.0
    int32_t bits;
    std::memcpy(&bits, &score, 4);
    return bits ^ (bits >> 31 & 0x7fffffff);
}

inline float score_of(int32_t key) {
    key ^= key >> 31 & 0x7fffffff;
    float score;
    std::memcpy(&score, &key, 4);
    return score;
}

VNNI inline __m512i keys_of(__m512 scores) {
    const __m512i bits = _mm512_castps_si512(scores);
    return _mm512_xor_si512(bits, _mm512_and_si512(_mm512_srai_epi32(bits, 31), _mm512_set1_epi32(0x7fffffff)));
}

VNNI float product(const float *a, const float *b, int64_t d) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t i = 0; i < d; i += LANES) {
        const __mmask16 there = d - i >= LANES ? 0xffff : (1u << (d - i)) - 1;
        sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, a + i), _mm512_maskz_loadu_ps(there, b + i), sum);
    }
    return _mm512_reduce_add_ps(sum);
}

using Pair = std::pair<int32_t, float>;  // a place, and what is added to its score

// The items of one query that may be in its list, in the order of their places.
struct Kept {
    int32_t *low, *high, *place;  // keys of bounds; room for `room` each
    int64_t held, clean;          // entries before `clean` are no pairs
    double bar;
    const Pair *pairs, *pairs_end, *pair;  // places that have a term or are left out, rising; the next of them

    VNNI void add(const int32_t *sums, uint64_t hits, int32_t first, float unit, float e) {
        const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for (int v = 0; v < VECTORS; v++, hits >>= LANES) {
            const __mmask16 hit = (__mmask16)hits;
            if (!hit) continue;
            const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums + v * LANES));
            const __m512 score = _mm512_mul_ps(sum, _mm512_set1_ps(unit));
            const __m512i below = keys_of(_mm512_sub_ps(score, _mm512_set1_ps(e)));
            const __m512i above = keys_of(_mm512_add_ps(score, _mm512_set1_ps(e)));
            const __m512i places = _mm512_add_epi32(lanes, _mm512_set1_epi32(first + v * LANES));
            _mm512_storeu_si512(low + held, _mm512_maskz_compress_epi32(hit, below));
            _mm512_storeu_si512(high + held, _mm512_maskz_compress_epi32(hit, above));
            _mm512_storeu_si512(place + held, _mm512_maskz_compress_epi32(hit, places));
            held += __builtin_popcount(hit);
        }
    }

    void drop_pairs() {
        int64_t to = clean;
        for (int64_t i = clean; i < held; i++) {
            while (pair < pairs_end && pair->first < place[i]) pair++;
            if (pair < pairs_end && pair->first == place[i]) continue;
            low[to] = low[i], high[to] = high[i], place[to] = place[i];
            to++;
        }
        held = to;
    }

    // Return a key that k lows reach, and hardly more than k. held is k or more.
    VNNI int32_t find_bar(int64_t k) const {
        int32_t least = low[0], most = low[0];
        for (int64_t i = 1; i < held; i++) least = std::min(least, low[i]), most = std::max(most, low[i]);
        int64_t reached = least, missed = (int64_t)most + 1;
        while (missed - reached > 1) {
            const int32_t middle = (int32_t)(reached + (missed - reached) / 2);
            int32_t count = 0;
            for (int64_t i = 0; i < held; i++) count += low[i] >= middle;
            (count >= k ? reached : missed) = middle;
            if (count >= k && count <= k + k / 16) break;
        }
        return (int32_t)reached;
    }

    // Raise the bar, and drop what is below it.
    VNNI void compact(int64_t k, int64_t room) {
        if (pair < pairs_end) drop_pairs();
        if (held >= k) {
            const int32_t key = find_bar(k);
            int64_t to = 0;
            for (int64_t i = 0; i < held; i += LANES) {
                const __mmask16 there = held - i >= LANES ? 0xffff : (1u << (held - i)) - 1;
                const __m512i above = _mm512_loadu_si512(high + i), below = _mm512_loadu_si512(low + i);
                const __m512i places = _mm512_loadu_si512(place + i);
                const __mmask16 stays = _mm512_mask_cmpge_epi32_mask(there, above, _mm512_set1_epi32(key));
                _mm512_storeu_si512(high + to, _mm512_maskz_compress_epi32(stays, above));
                _mm512_storeu_si512(low + to, _mm512_maskz_compress_epi32(stays, below));
                _mm512_storeu_si512(place + to, _mm512_maskz_compress_epi32(stays, places));
                to += __builtin_popcount(stays);
            }
            held = to;
            bar = score_of(key);
        }
        clean = held;
        if (held > room - SPARE) bar = CLOSED;
    }
};

struct Scan {
    const Items &items;
    const Queries &queries;
    const int64_t k, room, width;
    const std::unique_ptr<int32_t[]> space;
    std::vector<int8_t> packed;
    std::vector<Pair> pairs;
    std::vector<uint64_t> scored;
    int64_t first = 0, count = 0;  // queries of the chunk
    Kept kept[CHUNK];
    int32_t start[CHUNK], limit[CHUNK];
    float e[CHUNK];

    Scan(const Items &items, const Queries &queries, int64_t k, int64_t room)
        : items(items), queries(queries), k(k), room(room), width(items.words * 4),
          space(new int32_t[3 * CHUNK * room]), packed(CHUNK * items.words * 4) {}

    void add_pairs(const Lists *lists, int64_t row) {
        if (lists)
            for (int64_t i = lists->offsets[row]; i < lists->offsets[row + 1]; i++)
                pairs.emplace_back(items.place[lists->rows[i]], lists->values ? lists->values[i] : LEFT_OUT);
    }

    uint64_t allowed(int64_t block) const { return queries.allowed ? queries.allowed[block] : ~0ull; }

    VNNI void begin(const uint8_t *proven) {
        std::memcpy(packed.data(), queries.packed + first * width, count * width);
        pairs.clear();
        int64_t ends[CHUNK + 1] = {0};
        for (int64_t i = 0; i < count; i++) {
            add_pairs(queries.excluded, first + i);
            add_pairs(queries.terms, first + i);
            ends[i + 1] = pairs.size();
            std::sort(pairs.begin() + ends[i], pairs.end());
        }
        for (int64_t i = 0; i < CHUNK; i++) {
            int32_t sum = 0;
            for (int64_t j = 0; j < width; j++) sum += packed[i * width + j];
            start[i] = -128 * sum;
            limit[i] = std::numeric_limits<int32_t>::max();
            if (i >= count) continue;
            int32_t *own = space.get() + 3 * room * i;
            kept[i] = {own, own + room, own + 2 * room, 0, 0, proven[first + i] ? -CLOSED : CLOSED,
                       pairs.data() + ends[i], pairs.data() + ends[i + 1], pairs.data() + ends[i]};
        }
    }

    // What a sum must be above to be of an item that may be in the list.
    VNNI void set_limits(int64_t block) {
        const double step = items.step[block], error = items.error[block], norm = items.norm[block];
        for (int64_t i = 0; i < count; i++) {
            const int64_t row = first + i;
            const double bound =
                (queries.lost[row] + (double)queries.noise[row]) * norm + queries.kept[row] * error + 1e-30;
            e[i] = (float)bound;
            const double sum = (kept[i].bar - bound) / (queries.step[row] * step) - 2.0;  // 2: beyond all rounding
            limit[i] = (int32_t)std::min(2147483647.0, std::max(-2147483648.0, sum));
        }
    }

    VNNI void tile(int64_t block, int64_t group) {
        const uint8_t *own_items = items.packed + block * width * BLOCK;
        const int8_t *own = packed.data() + group * width;
        __m512i sums[GROUP][VECTORS];
#pragma GCC unroll 6
        for (int i = 0; i < GROUP; i++)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) sums[i][v] = _mm512_set1_epi32(start[group + i]);
        for (int64_t word = 0; word < items.words; word++) {
            __m512i item[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) item[v] = _mm512_loadu_si512(own_items + (word * VECTORS + v) * 64);
#pragma GCC unroll 6
            for (int i = 0; i < GROUP; i++) {
                int32_t four;
                std::memcpy(&four, own + i * width + word * 4, 4);
                const __m512i query = _mm512_set1_epi32(four);
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++)  // of the intrinsic GCC 12 makes copies that cost half of the speed
                    asm("vpdpbusd %2, %1, %0" : "+v"(sums[i][v]) : "v"(item[v]), "v"(query));
            }
        }
        uint64_t hits[GROUP], any = 0;
#pragma GCC unroll 6
        for (int i = 0; i < GROUP; i++) {
            const __m512i least = _mm512_set1_epi32(limit[group + i]);
            hits[i] = 0;
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                hits[i] |= (uint64_t)_mm512_cmpgt_epi32_mask(sums[i][v], least) << (v * LANES);
            any |= hits[i];
        }
        if (!any) return;
        alignas(64) int32_t out[GROUP][BLOCK];
#pragma GCC unroll 6
        for (int i = 0; i < GROUP; i++)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) _mm512_store_si512(out[i] + v * LANES, sums[i][v]);
        const int64_t rest = items.count - block * BLOCK;
        const uint64_t there = (rest >= BLOCK ? ~0ull : (1ull << rest) - 1) & allowed(block);
        for (int i = 0; i < GROUP; i++) {
            if (!(hits[i] & there)) continue;
            Kept &one = kept[group + i];
            one.add(out[i], hits[i] & there, (int32_t)(block * BLOCK),
                    queries.step[first + group + i] * items.step[block], e[group + i]);
            if (one.held > std::min(room - SPARE, one.clean + 2 * k + BLOCK)) one.compact(k, room);
            if (one.bar == CLOSED) one.held = 0, limit[group + i] = std::numeric_limits<int32_t>::max();
        }
    }

    VNNI void score(int64_t row, int32_t place, float added) {
        const int64_t item = items.order[place];
        const float sum = product(queries.rows + row * items.d, items.rows + item * items.d, items.d) + added;
        scored.push_back((uint64_t)(key_of(sum) ^ TOP) << 32 | (0xffffffffu - (uint32_t)item));
    }

    // Score what is left in float32, and write the k best: by score, then by the lower row.
    VNNI void finish(int64_t row, Kept &own, int32_t *found, float *scores) {
        own.compact(k, room + SPARE);
        for (int64_t i = 0; i < own.held; i++)
            for (int64_t j = 0; j < items.d; j += LANES)
                __builtin_prefetch(items.rows + items.order[own.place[i]] * items.d + j);
        scored.clear();
        for (const Pair *pair = own.pairs; pair < own.pairs_end; pair++)
            if (pair->second != LEFT_OUT && (pair == own.pairs || pair[-1].first != pair->first) &&
                (allowed(pair->first / BLOCK) >> pair->first % BLOCK & 1))
                score(row, pair->first, pair->second);
        // The k-th score of some is a better bar for the others.
        int32_t bar = key_of((float)std::max(own.bar, -3e38));
        const int32_t before = bar;
        for (int64_t i = 0; i < own.held; i++)
            if (own.low[i] >= before) score(row, own.place[i], 0.0f);
        if ((int64_t)scored.size() >= k) {
            std::nth_element(scored.begin(), scored.begin() + (k - 1), scored.end(), std::greater<uint64_t>());
            bar = std::max(bar, (int32_t)((uint32_t)(scored[k - 1] >> 32) ^ TOP));
        }
        for (int64_t i = 0; i < own.held; i++)
            if (own.low[i] < before && own.high[i] >= bar) score(row, own.place[i], 0.0f);
        const int64_t listed = std::min<int64_t>(k, scored.size());
        std::partial_sort(scored.begin(), scored.begin() + listed, scored.end(), std::greater<uint64_t>());
        for (int64_t i = 0; i < listed; i++) {
            found[i] = (int32_t)(0xffffffffu - (uint32_t)scored[i]);
            scores[i] = score_of((int32_t)((uint32_t)(scored[i] >> 32) ^ TOP));
        }
        for (int64_t i = listed; i < k; i++) found[i] = -1, scores[i] = 0.0f;
    }
};

}  // namespace

int daybreak_runs(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

// proven: in, which queries have finite bounds; out, which of them have a list.
// Returns 0, or 1 where there is no memory.
VNNI int daybreak_top_k(const Items *items, const Queries *queries, int64_t k, int64_t room, int32_t *found,
                        float *scores, uint8_t *proven) try {
    const auto scan = std::make_unique<Scan>(*items, *queries, k, room);
    for (scan->first = 0; scan->first < queries->count; scan->first += CHUNK) {
        scan->count = std::min<int64_t>(CHUNK, queries->count - scan->first);
        scan->begin(proven);
        for (int64_t block = 0; block * BLOCK < items->count; block++) {
            if (!scan->allowed(block)) continue;
            scan->set_limits(block);
            for (int64_t group = 0; group < scan->count; group += GROUP) scan->tile(block, group);
        }
        for (int64_t i = 0; i < scan->count; i++) {
            const int64_t row = scan->first + i;
            proven[row] = scan->kept[i].bar != CLOSED;
            if (proven[row]) scan->finish(row, scan->kept[i], found + row * k, scores + row * k);
        }
    }
    return 0;
} catch (const std::bad_alloc &) {
    return 1;
}

#else

int daybreak_runs(void) { return 0; }
int daybreak_top_k(const Items *, const Queries *, int64_t, int64_t, int32_t *, float *, uint8_t *) { return 1; }

#endif
