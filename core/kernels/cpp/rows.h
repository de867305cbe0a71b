// Sixteen consecutive numbers of a matrix' row, as products of small matrices on the CPU read and write them.
//
// Unlike a `Row` of lanes.h, a `Vec16f` may be at the address of any float, because a matrix' rows are: aligned loads
// could fault there. A `Row` stays aligned, because loads that straddle two cache lines are slower.
#pragma once

#include "lanes.h"

namespace firstlight {

typedef float Vec16f __attribute__((vector_size(64), aligned(4)));
typedef int Vec16i __attribute__((vector_size(64), aligned(4)));
typedef unsigned Vec16u __attribute__((vector_size(64), aligned(4)));

// `n` rounded up to a multiple.
constexpr int up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// Loads the first `n` numbers, at most sixteen, and pads them with zeros.
WIDE_FN Vec16f load_some(const float* from, int n) {
    Vec16f x = {};
    if (n >= 16)
        x = *(const Vec16f*)from;
    else
        for (int j = 0; j < n; ++j) x[j] = from[j];
    return x;
}

// Stores the first `n` numbers, at most sixteen.
WIDE_FN void store_some(float* to, Vec16f x, int n) {
    if (n >= 16)
        *(Vec16f*)to = x;
    else
        for (int j = 0; j < n; ++j) to[j] = x[j];
}

// Transposes a matrix of 16 x 16 words: its halves are interleaved four times, like cards in a riffle shuffle. It is
// not a WIDE_FN: the compiler optimizes it once and then inlines it, rather than optimize each inlined copy.
__attribute__((internal_linkage, min_vector_width(512))) inline void transpose(Vec16u* rows) {
    for (int turn = 0; turn < 4; ++turn) {
        Vec16u mixed[16];
        for (int i = 0; i < 8; ++i) {
            mixed[2 * i] =
                __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            mixed[2 * i + 1] = __builtin_shufflevector(
                rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        for (int i = 0; i < 16; ++i) rows[i] = mixed[i];
    }
}

}  // namespace firstlight
