// Square parts of a symmetric sparse matrix: what `squares.py` calls.

#include <algorithm>
#include <cstdint>
#include <vector>

extern "C" {

// Write matrix[chosen, chosen] of a symmetric matrix in CSR form, whose columns rise in each row, to out (m x m).
// chosen: m rows, rising. place: one number for each row of the matrix, all of them -1 before and after.
void daybreak_square(const int64_t *starts, const int32_t *columns, const float *values, const int32_t *chosen, int64_t m,
                     int32_t *place, float *out);
}

namespace {

constexpr int64_t SCANNED = 20;  // a row with fewer entries than so many times those that are asked is read through

}  // namespace

void daybreak_square(const int64_t *starts, const int32_t *columns, const float *values, const int32_t *chosen, int64_t m,
                     int32_t *place, float *out) {
    for (int64_t b = 0; b < m; b++) place[chosen[b]] = static_cast<int32_t>(b);
    for (int64_t a = 0; a < m; a++) {
        const int32_t *end = columns + starts[chosen[a] + 1];
        const int32_t *at = std::lower_bound(columns + starts[chosen[a]], end, chosen[a]);
        float *row = out + a * m;
        std::fill(row + a, row + m, 0.0f);
        if (end - at < SCANNED * (m - a)) {
            for (; at < end; at++) {
                const int32_t b = place[*at];
                if (b >= 0) row[b] = values[at - columns];
            }
        } else {
            for (int64_t b = a; b < m && at < end; b++) {
                at = std::lower_bound(at, end, chosen[b]);
                if (at < end && *at == chosen[b]) row[b] = values[at - columns];
            }
        }
        for (int64_t b = a + 1; b < m; b++) out[b * m + a] = row[b];
    }
    for (int64_t b = 0; b < m; b++) place[chosen[b]] = -1;
}
