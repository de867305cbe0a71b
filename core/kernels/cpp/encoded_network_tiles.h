// A hash grid followed by a network of two layers, in the CPU's matrix tiles.
//
// A `Row` is one channel of sixteen samples. Tiles take this layout as it is: two rows, rounded and interleaved into
// words, are a row of a product's second factor; weights are the first factor; the results are rows of channels again.
#pragma once

#include "encoded_network_vectors.h"

#if defined(__AMX_BF16__) && !defined(FIRSTLIGHT_ONE_LANE)

#include "tiles.h"

namespace firstlight {

// Two rows rounded to bfloat16 and interleaved: each word holds a number of `low` and, above it, one of `high`.
WIDE_FN Vec16u paired(Row low, Row high) {
    typedef short Numbers __attribute__((vector_size(64)));
    const auto halves = (Numbers)__builtin_ia32_cvtne2ps2bf16_512(high, low);
    return (Vec16u)__builtin_shufflevector(
        halves, halves, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
        13, 29, 14, 30, 15, 31);
}

// Writes weights (N_OUT, N_IN), rounded to bfloat16, into rows of WIDTH numbers; padding is not written.
template <int N_OUT, int N_IN, int WIDTH>
WIDE_FN void round_weights(const float* weights, Tiles::Number* rows) {
    for (int o = 0; o < N_OUT; ++o)
        for (int c = 0; c < N_IN; c += 16)
            Tiles::put(rows + o * WIDTH + c, load_some(weights + o * N_IN + c, N_IN - c));
}

// BLOCK samples, two rows, go through the tiles together: they share loaded weights, and their products don't wait for
// each other. (Four rows took slightly longer, perhaps because their sums take more of the cache.)
//
// Each run rounds the weights anew, which takes a hundredth of its time; torch would take longer, and caching would
// need to know whether they changed. Both factors are padded with zeros: 0 * NaN is NaN.
template <class Network>
WIDE_FN void evaluate_in_tiles(const Network network, int first, int last, const float* positions, float* features) {
    constexpr int BLOCK = 32, N_OUT = Network::N_OUT, N_HIDDEN = Network::N_HIDDEN, N_FEATURES = Network::N_FEATURES;
    constexpr int UP_IN = up(Network::N_IN, 32), UP_HIDDEN = up(N_HIDDEN, 32), UP_OUT = up(N_OUT, 16);
    Row at[Network::N_ROWS][3];
    Tiles::begin();
    alignas(64) Tiles::Number hidden_rows[UP_HIDDEN * UP_IN] = {}, output_rows[UP_OUT * UP_HIDDEN] = {};
    round_weights<N_HIDDEN, Network::N_IN, UP_IN>(network.hidden_weights, hidden_rows);
    round_weights<N_OUT, N_HIDDEN, UP_HIDDEN>(network.output_weights, output_rows);
    alignas(64) unsigned encoded[Network::RUN / BLOCK][UP_IN / 2 * BLOCK] = {};
    for (int i = first, row = 0; i < last; i += LANES, ++row) places_of(network.space, positions, i, last - i, at[row]);
    for (int k = 0; k < Network::N_LEVELS; ++k)
        for (int i = first, row = 0; i < last; i += LANES, ++row) {
            Vertices vertices;
            vertices_of(network.levels[k], at[row], vertices);
            Row mixed[N_FEATURES];
            mix_row<N_FEATURES>(network.table, vertices, mixed, 1);
            for (int pair = 0; pair < N_FEATURES / 2; ++pair) {
                unsigned* to = encoded[row / (BLOCK / 16)] + (k * N_FEATURES / 2 + pair) * BLOCK;
                *(Vec16u*)(to + row % (BLOCK / 16) * 16) = paired(mixed[2 * pair], mixed[2 * pair + 1]);
            }
        }
    for (int i = first, block = 0; i < last; i += BLOCK, ++block) {
        const unsigned* inputs = encoded[block];
        alignas(64) unsigned hidden[UP_HIDDEN / 2 * BLOCK];
        alignas(64) float sums[32 * BLOCK];
        for (int h = 0; h < UP_HIDDEN; h += 32) {
            for (int half = 0; half < 2; ++half)
                Tiles::product<UP_IN, BLOCK, UP_IN, true>(
                    hidden_rows + (h + 16 * half) * UP_IN, inputs, sums + half * 16 * BLOCK);
            for (int r = 0; r < 16; ++r)
                for (int c = 0; c < BLOCK; c += 16) {
                    const Row low = *(const Row*)(sums + 2 * r * BLOCK + c);
                    const Row high = *(const Row*)(sums + (2 * r + 1) * BLOCK + c);
                    *(Vec16u*)(hidden + (h / 2 + r) * BLOCK + c) = paired(rectified(low), rectified(high));
                }
        }
        for (int o = 0; o < N_OUT; o += 16) {
            Tiles::product<UP_HIDDEN, BLOCK, UP_HIDDEN, true>(output_rows + o * UP_HIDDEN, hidden, sums);
            for (int c = 0; c < BLOCK && i + c < last; c += 16) {
                if constexpr (N_OUT == 1) {
                    store_some(features + i + c, *(const Vec16f*)(sums + c), last - i - c);
                } else {
                    alignas(64) Vec16u samples[16];
                    for (int r = 0; r < 16; ++r) samples[r] = *(const Vec16u*)(sums + r * BLOCK + c);
                    transpose(samples);
                    for (int j = 0; j < 16 && i + c + j < last; ++j)
                        store_some(features + (size_t)(i + c + j) * N_OUT + o, (Vec16f)samples[j], N_OUT - o);
                }
            }
        }
    }
    Tiles::end();
}

}  // namespace firstlight

#endif
