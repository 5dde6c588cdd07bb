// Vectors of texts by a BERT-like transformer on processors with AVX512-VNNI: products in int8, all else in float32.
// See model.py.
//
// Texts lie one after another without padding. A token's row is rounded to 8 bits in steps of its own, so that a vector
// has the same bits whatever text is beside it. Before that, each 128 numbers of a row are turned by a Hadamard matrix,
// which spreads outliers, so that steps are small; the weights are turned likewise, and the product is the same.

#include <cstdint>

extern "C" {

struct Product {              // from `words` x 4 to `columns` numbers
    const int8_t *weights;    // columns / COLUMNS x words x COLUMNS x 4
    const float *scale;       // of each column: what a 1 stands for,
    const float *sum;         // the sum of its weights,
    const float *bias;        // and what is added
    int64_t words, columns;
};

struct Layer {
    Product attend, attended, up, down;   // to queries, keys and values; from what they find; the inner layer
    const float *gain1, *bias1, *gain2, *bias2;
};

struct Transformer {
    const float *words, *places;          // the vectors of tokens, and of places with that of the token type
    const float *gain, *bias;
    const Layer *layers;
    int64_t depth, width, inner, heads, first_place, first_token;  // first_token: whether it stands for the text
    float epsilon;
};

int daybreak_encodes(void);
int daybreak_encode(const Transformer *, const int32_t *tokens, const int64_t *offsets, int64_t texts, float *vectors);
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")))

namespace {

constexpr int LANES = 16, VECTORS = 4, COLUMNS = VECTORS * LANES;
constexpr int GROUP = 6;             // rows of a tile: GROUP x VECTORS sums, the weights and a row fill the registers
constexpr int64_t ROWS = 192;        // tokens that go through a layer together: their rows stay in the cache
constexpr int TURNED = 8;            // vectors that are turned together
constexpr int64_t QUERIES = 4;       // rows of attention that share what they load
// The share of a normal distribution below x is .5 + x p(x^2) up to 4, by least squares; gelu is right to 2e-4.
constexpr float GELU_END = 4.0f;
constexpr float GELU[] = {2.2781823e-08f, -1.5986246e-06f, 4.7956033e-05f, -0.00081402139f,
                          0.0087724235f,  -0.064573206f,   0.39788345f};

VNNI inline __m512 exp_of(__m512 x) {  // of x <= 0: 2^n 2^f, and a polynomial of f, right to 2e-7
    const __m512 y = _mm512_mul_ps(_mm512_max_ps(x, _mm512_set1_ps(-87.0f)), _mm512_set1_ps(1.44269504f));
    const __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(y, n);
    __m512 p = _mm512_set1_ps(1.3333558e-3f);
    for (const float c : {9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.0f})
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(c));
    return _mm512_scalef_ps(p, n);
}

VNNI inline __m512 gelu(__m512 x) {
    const __m512 near = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-GELU_END)), _mm512_set1_ps(GELU_END));
    const __m512 square = _mm512_mul_ps(near, near);
    __m512 p = _mm512_set1_ps(GELU[0]);
#pragma GCC unroll 16
    for (int i = 1; i < 7; i++) p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(GELU[i]));
    return _mm512_mul_ps(x, _mm512_fmadd_ps(p, near, _mm512_set1_ps(0.5f)));
}

struct Rounded {  // rows as products take them: x = low + step * byte
    uint8_t *bytes;
    float *low, *step;
};

// Turn each 8 vectors of a row by the Hadamard matrix of 128, less its factor.
VNNI inline void turn(__m512 *v) {
    const __m512 one = _mm512_set1_ps(1.0f);
#pragma GCC unroll 8
    for (int i = 0; i < TURNED; i++) {
        __m512 x = v[i];
        x = _mm512_fmadd_ps(x, _mm512_mask_sub_ps(one, 0xaaaa, _mm512_setzero_ps(), one), _mm512_permute_ps(x, 0xb1));
        x = _mm512_fmadd_ps(x, _mm512_mask_sub_ps(one, 0xcccc, _mm512_setzero_ps(), one), _mm512_permute_ps(x, 0x4e));
        x = _mm512_fmadd_ps(x, _mm512_mask_sub_ps(one, 0xf0f0, _mm512_setzero_ps(), one),
                            _mm512_shuffle_f32x4(x, x, 0xb1));
        v[i] = _mm512_fmadd_ps(x, _mm512_mask_sub_ps(one, 0xff00, _mm512_setzero_ps(), one),
                               _mm512_shuffle_f32x4(x, x, 0x4e));
    }
#pragma GCC unroll 3
    for (int apart = 1; apart < TURNED; apart *= 2)
#pragma GCC unroll 8
        for (int i = 0; i < TURNED; i++)
            if (!(i & apart)) {
                const __m512 a = v[i], b = v[i + apart];
                v[i] = _mm512_add_ps(a, b), v[i + apart] = _mm512_sub_ps(a, b);
            }
}

// Round a row of n numbers to bytes; `turned`: turn it first, in place.
VNNI void round_row(float *row, int64_t n, bool turned, const Rounded &to, int64_t at) {
    __m512 low = _mm512_set1_ps(INFINITY), high = _mm512_set1_ps(-INFINITY);
    for (int64_t i = 0; i < n; i += TURNED * LANES) {
        __m512 v[TURNED];
#pragma GCC unroll 8
        for (int j = 0; j < TURNED; j++) v[j] = _mm512_loadu_ps(row + i + j * LANES);
        if (turned) turn(v);
#pragma GCC unroll 8
        for (int j = 0; j < TURNED; j++) {
            low = _mm512_min_ps(low, v[j]), high = _mm512_max_ps(high, v[j]);
            if (turned) _mm512_storeu_ps(row + i + j * LANES, v[j]);
        }
    }
    const float least = _mm512_reduce_min_ps(low), range = _mm512_reduce_max_ps(high) - least;
    const __m512 first = _mm512_set1_ps(least), inverse = _mm512_set1_ps(range > 0 ? 255.0f / range : 0.0f);
    for (int64_t i = 0; i < n; i += LANES) {
        const __m512 x = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(row + i), first), inverse);
        _mm_storeu_si128((__m128i *)(to.bytes + at * n + i), _mm512_cvtusepi32_epi8(_mm512_cvtps_epu32(x)));
    }
    to.low[at] = least, to.step[at] = range / 255.0f;
}

enum Then { WRITE, ADD, GELU_OF };

template <Then then>
VNNI void multiply(const Product &product, const Rounded &rows, int64_t count, float *out) {
    const int64_t width = product.words * 4, columns = product.columns;
    for (int64_t column = 0; column < columns; column += COLUMNS) {
        const int8_t *weights = product.weights + column * width;
        __m512 scale[VECTORS], sum[VECTORS], bias[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            scale[v] = _mm512_loadu_ps(product.scale + column + v * LANES);
            sum[v] = _mm512_loadu_ps(product.sum + column + v * LANES);
            bias[v] = _mm512_loadu_ps(product.bias + column + v * LANES);
        }
        for (int64_t first = 0; first < count; first += GROUP) {
            const uint8_t *row = rows.bytes + first * width;
            __m512i sums[GROUP][VECTORS];
#pragma GCC unroll 6
            for (int i = 0; i < GROUP; i++)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) sums[i][v] = _mm512_setzero_si512();
            for (int64_t word = 0; word < product.words; word++) {
                __m512i weight[VECTORS];
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) weight[v] = _mm512_loadu_si512(weights + (word * VECTORS + v) * 64);
#pragma GCC unroll 6
                for (int i = 0; i < GROUP; i++) {
                    int32_t four;
                    std::memcpy(&four, row + i * width + word * 4, 4);
                    const __m512i own = _mm512_set1_epi32(four);
#pragma GCC unroll 4
                    for (int v = 0; v < VECTORS; v++)  // of the intrinsic GCC 12 makes copies that cost half of the speed
                        asm("vpdpbusd %2, %1, %0" : "+v"(sums[i][v]) : "v"(own), "v"(weight[v]));
                }
            }
#pragma GCC unroll 6
            for (int i = 0; i < GROUP; i++) {
                const __m512 low = _mm512_set1_ps(rows.low[first + i]), step = _mm512_set1_ps(rows.step[first + i]);
                float *to = out + (first + i) * columns + column;
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) {
                    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[i][v]), scale[v]);
                    __m512 y = _mm512_fmadd_ps(scaled, step, _mm512_fmadd_ps(low, sum[v], bias[v]));
                    if (then == ADD) y = _mm512_add_ps(y, _mm512_loadu_ps(to + v * LANES));
                    if (then == GELU_OF) y = gelu(y);
                    _mm512_storeu_ps(to + v * LANES, y);
                }
            }
        }
    }
}

VNNI void normalise(float *row, int64_t n, const float *gain, const float *bias, float epsilon) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += LANES) sum = _mm512_add_ps(sum, _mm512_loadu_ps(row + i));
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / n);
    __m512 squares = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += LANES) {
        const __m512 x = _mm512_sub_ps(_mm512_loadu_ps(row + i), mean);
        squares = _mm512_fmadd_ps(x, x, squares);
    }
    const __m512 inverse = _mm512_set1_ps(1.0f / std::sqrt(_mm512_reduce_add_ps(squares) / n + epsilon));
    for (int64_t i = 0; i < n; i += LANES) {
        const __m512 x = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(row + i), mean), inverse);
        _mm512_storeu_ps(row + i, _mm512_fmadd_ps(x, _mm512_loadu_ps(gain + i), _mm512_loadu_ps(bias + i)));
    }
}

struct Encoder {
    const Transformer &model;
    const int64_t room, padded;  // tokens of a block and of a text, at most, each with room for the last tile
    const std::unique_ptr<float[]> states, wide, found, turned, scores, numbers;
    const std::unique_ptr<uint8_t[]> bytes;

    Encoder(const Transformer &model, int64_t longest)
        : model(model), room(std::max(ROWS, longest) + GROUP), padded((longest + LANES) / LANES * LANES),
          states(new float[room * model.width]()), wide(new float[room * std::max(3 * model.width, model.inner)]()),
          found(new float[room * model.width]()), turned(new float[padded * model.width / model.heads]),
          scores(new float[QUERIES * padded]), numbers(new float[2 * room]()),
          bytes(new uint8_t[room * model.inner]()) {}

    // What the tokens of a text find: `wide` has queries, keys and values, `found` becomes the sum of values.
    VNNI void attend(int64_t first, int64_t length) {
        const int64_t width = model.width, size = width / model.heads, full = (length + LANES - 1) / LANES * LANES;
        const __m512 share = _mm512_set1_ps(1.0f / std::sqrt((float)size));
        for (int64_t head = 0; head < model.heads; head++) {
            const float *queries = wide.get() + first * 3 * width + head * size;
            const float *keys = queries + width, *values = keys + width;
            for (int64_t d = 0; d < size; d++) {
                float *to = turned.get() + d * full;
                for (int64_t j = 0; j < length; j++) to[j] = keys[j * 3 * width + d];
                for (int64_t j = length; j < full; j++) to[j] = 0.0f;
            }
            for (int64_t i = 0; i < length; i += QUERIES) {
                const float *query[QUERIES];
                for (int64_t q = 0; q < QUERIES; q++) query[q] = queries + std::min(i + q, length - 1) * 3 * width;
                __m512 most[QUERIES], total[QUERIES];
                for (int64_t q = 0; q < QUERIES; q++) most[q] = _mm512_set1_ps(-INFINITY), total[q] = _mm512_setzero_ps();
                for (int64_t j = 0; j < full; j += LANES) {
                    const __mmask16 there = length - j >= LANES ? 0xffff : (1u << (length - j)) - 1;
                    __m512 sum[QUERIES];
#pragma GCC unroll 4
                    for (int64_t q = 0; q < QUERIES; q++) sum[q] = _mm512_setzero_ps();
                    for (int64_t d = 0; d < size; d++) {
                        const __m512 key = _mm512_loadu_ps(turned.get() + d * full + j);
#pragma GCC unroll 4
                        for (int64_t q = 0; q < QUERIES; q++)
                            sum[q] = _mm512_fmadd_ps(_mm512_set1_ps(query[q][d]), key, sum[q]);
                    }
#pragma GCC unroll 4
                    for (int64_t q = 0; q < QUERIES; q++) {
                        sum[q] = _mm512_mask_mul_ps(_mm512_set1_ps(-INFINITY), there, sum[q], share);
                        most[q] = _mm512_max_ps(most[q], sum[q]);
                        _mm512_storeu_ps(scores.get() + q * padded + j, sum[q]);
                    }
                }
#pragma GCC unroll 4
                for (int64_t q = 0; q < QUERIES; q++) most[q] = _mm512_set1_ps(_mm512_reduce_max_ps(most[q]));
                for (int64_t j = 0; j < full; j += LANES) {
                    const __mmask16 there = length - j >= LANES ? 0xffff : (1u << (length - j)) - 1;
#pragma GCC unroll 4
                    for (int64_t q = 0; q < QUERIES; q++) {
                        float *at = scores.get() + q * padded + j;
                        const __m512 e = exp_of(_mm512_sub_ps(_mm512_loadu_ps(at), most[q]));
                        const __m512 weight = _mm512_maskz_mov_ps(there, e);
                        total[q] = _mm512_add_ps(total[q], weight);
                        _mm512_storeu_ps(at, weight);
                    }
                }
                __m512 inverse[QUERIES];
#pragma GCC unroll 4
                for (int64_t q = 0; q < QUERIES; q++) inverse[q] = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(total[q]));
                for (int64_t d = 0; d < size; d += LANES) {
                    __m512 sum[QUERIES];
#pragma GCC unroll 4
                    for (int64_t q = 0; q < QUERIES; q++) sum[q] = _mm512_setzero_ps();
                    for (int64_t j = 0; j < length; j++) {
                        const __m512 value = _mm512_loadu_ps(values + j * 3 * width + d);
#pragma GCC unroll 4
                        for (int64_t q = 0; q < QUERIES; q++)
                            sum[q] = _mm512_fmadd_ps(_mm512_set1_ps(scores[q * padded + j]), value, sum[q]);
                    }
                    for (int64_t q = 0; q < QUERIES && i + q < length; q++)
                        _mm512_storeu_ps(found.get() + (first + i + q) * width + head * size + d,
                                         _mm512_mul_ps(sum[q], inverse[q]));
                }
            }
        }
    }

    VNNI void round_states(int64_t count, const Rounded &rows) {
        std::memcpy(found.get(), states.get(), count * model.width * sizeof(float));
        for (int64_t i = 0; i < count; i++) round_row(found.get() + i * model.width, model.width, true, rows, i);
    }

    // The texts of a block, whose tokens begin at offsets[0], and which have `count` of them.
    VNNI void block(const int32_t *tokens, const int64_t *offsets, int64_t texts, float *vectors) {
        const int64_t width = model.width, inner = model.inner, begin = offsets[0], count = offsets[texts] - begin;
        const Rounded rows = {bytes.get(), numbers.get(), numbers.get() + room};
        for (int64_t text = 0; text < texts; text++)
            for (int64_t at = offsets[text]; at < offsets[text + 1]; at++) {
                const float *word = model.words + tokens[at] * width;
                const float *place = model.places + (model.first_place + at - offsets[text]) * width;
                float *state = states.get() + (at - begin) * width;
                for (int64_t i = 0; i < width; i++) state[i] = word[i] + place[i];
                normalise(state, width, model.gain, model.bias, model.epsilon);
            }
        for (const Layer *layer = model.layers; layer < model.layers + model.depth; layer++) {
            round_states(count, rows);
            multiply<WRITE>(layer->attend, rows, count, wide.get());
            for (int64_t text = 0; text < texts; text++)
                attend(offsets[text] - begin, offsets[text + 1] - offsets[text]);
            for (int64_t i = 0; i < count; i++) round_row(found.get() + i * width, width, false, rows, i);
            multiply<ADD>(layer->attended, rows, count, states.get());
            for (int64_t i = 0; i < count; i++)
                normalise(states.get() + i * width, width, layer->gain1, layer->bias1, model.epsilon);
            round_states(count, rows);
            multiply<GELU_OF>(layer->up, rows, count, wide.get());
            for (int64_t i = 0; i < count; i++) round_row(wide.get() + i * inner, inner, true, rows, i);
            multiply<ADD>(layer->down, rows, count, states.get());
            for (int64_t i = 0; i < count; i++)
                normalise(states.get() + i * width, width, layer->gain2, layer->bias2, model.epsilon);
        }
        for (int64_t text = 0; text < texts; text++)
            pool(states.get() + (offsets[text] - begin) * width, offsets[text + 1] - offsets[text], vectors + text * width);
    }

    // The mean of a text's rows, or its first, of length 1.
    VNNI void pool(const float *rows, int64_t length, float *vector) {
        const int64_t width = model.width;
        __m512 squares = _mm512_setzero_ps();
        for (int64_t d = 0; d < width; d += LANES) {
            __m512 sum = _mm512_loadu_ps(rows + d);
            for (int64_t j = 1; j < length && !model.first_token; j++)
                sum = _mm512_add_ps(sum, _mm512_loadu_ps(rows + j * width + d));
            squares = _mm512_fmadd_ps(sum, sum, squares);
            _mm512_storeu_ps(vector + d, sum);
        }
        const __m512 inverse = _mm512_set1_ps(1.0f / std::max(std::sqrt(_mm512_reduce_add_ps(squares)), 1e-12f));
        for (int64_t d = 0; d < width; d += LANES)
            _mm512_storeu_ps(vector + d, _mm512_mul_ps(_mm512_loadu_ps(vector + d), inverse));
    }
};

}  // namespace

int daybreak_encodes(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

// offsets: texts + 1, of tokens; each text has one at least. vectors: out, texts x width. 1 where memory is short.
int daybreak_encode(const Transformer *model, const int32_t *tokens, const int64_t *offsets, int64_t texts, float *vectors) {
    int64_t longest = 1;
    for (int64_t text = 0; text < texts; text++) longest = std::max(longest, offsets[text + 1] - offsets[text]);
    try {
        Encoder encoder(*model, longest);
        for (int64_t text = 0, last; text < texts; text = last) {
            for (last = text + 1; last < texts && offsets[last + 1] - offsets[text] <= ROWS;) last++;
            encoder.block(tokens, offsets + text, last - text, vectors + text * model->width);
        }
    } catch (const std::bad_alloc &) {
        return 1;
    }
    return 0;
}

#else

int daybreak_encodes(void) { return 0; }
int daybreak_encode(const Transformer *, const int32_t *, const int64_t *, int64_t, float *) { return 1; }

#endif
