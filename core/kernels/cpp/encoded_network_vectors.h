// A hash grid followed by a network of two layers: sixteen samples in a vector on the CPU, one per thread on CUDA.
//
// A thread of the CPU looks a run of samples up in all levels, and then evaluates the layers for sixteen of them at a
// time. A thread on CUDA keeps the hidden layer of its sample in registers and adds each level's contribution to it.
#pragma once

#include "hash_grid.h"

namespace firstlight {

// A network's sizes, tables and weights. RUN: the most samples that a thread of the CPU takes at once. Weights are
// stored input by input, or, for matrix tiles, output by output.
template <int RUN_LENGTH, int INPUTS, int HIDDEN, int OUTPUTS, int FEATURES>
struct EncodedNetwork {
    static constexpr int RUN = RUN_LENGTH, N_IN = INPUTS, N_HIDDEN = HIDDEN, N_OUT = OUTPUTS;
    static constexpr int N_FEATURES = FEATURES;  // of a level
    static constexpr int N_LEVELS = N_IN / N_FEATURES, N_ROWS = RUN / LANES;

    Space space;
    const Level* levels;
    const int* table;  // in bfloat16, two features a word
    const float *hidden_weights, *output_weights;
};

#ifdef FIRSTLIGHT_ONE_LANE

// How many weights one load reads.
constexpr int group_of(int n) { return n % 4 == 0 ? 4 : n % 2 == 0 ? 2 : 1; }

// Weights that are read by one load; all threads read the same ones.
template <int N>
struct alignas(4 * N) WeightGroup {
    float at[N];
};

template <class Network>
KERNEL_FN void evaluate_in_vectors(
    const Network network, int first, int last, const float* positions, float* features) {
    constexpr int N_HIDDEN = Network::N_HIDDEN, N_OUT = Network::N_OUT, N_FEATURES = Network::N_FEATURES;
    constexpr int HIDDEN_GROUP = group_of(N_HIDDEN), OUTPUT_GROUP = group_of(N_OUT);
    typedef WeightGroup<HIDDEN_GROUP> HiddenGroup;
    typedef WeightGroup<OUTPUT_GROUP> OutputGroup;
    const HiddenGroup* hidden_rows = reinterpret_cast<const HiddenGroup*>(network.hidden_weights);
    const OutputGroup* output_rows = reinterpret_cast<const OutputGroup*>(network.output_weights);
    float at[3], hidden[N_HIDDEN] = {}, outputs[N_OUT] = {};
    places_of(network.space, positions, first, 1, at);
#pragma unroll 1
    for (int k = 0; k < Network::N_LEVELS; ++k) {
        Vertices vertices;
        vertices_of(network.levels[k], at, vertices);
        float encoded[N_FEATURES];
        mix_one<N_FEATURES>(network.table, vertices, encoded);
#pragma unroll
        for (int c = 0; c < N_FEATURES; ++c)
#pragma unroll
            for (int group = 0; group < N_HIDDEN / HIDDEN_GROUP; ++group) {
                const HiddenGroup weights = hidden_rows[(k * N_FEATURES + c) * (N_HIDDEN / HIDDEN_GROUP) + group];
#pragma unroll
                for (int u = 0; u < HIDDEN_GROUP; ++u) hidden[group * HIDDEN_GROUP + u] += weights.at[u] * encoded[c];
            }
    }
#pragma unroll
    for (int h = 0; h < N_HIDDEN; ++h) {
        const float x = hidden[h] < 0.0f ? 0.0f : hidden[h];
#pragma unroll
        for (int group = 0; group < N_OUT / OUTPUT_GROUP; ++group) {
            const OutputGroup weights = output_rows[h * (N_OUT / OUTPUT_GROUP) + group];
#pragma unroll
            for (int u = 0; u < OUTPUT_GROUP; ++u) outputs[group * OUTPUT_GROUP + u] += weights.at[u] * x;
        }
    }
    OutputGroup* to = reinterpret_cast<OutputGroup*>(features + (size_t)first * N_OUT);
#pragma unroll
    for (int group = 0; group < N_OUT / OUTPUT_GROUP; ++group) {
        OutputGroup values;
#pragma unroll
        for (int u = 0; u < OUTPUT_GROUP; ++u) values.at[u] = outputs[group * OUTPUT_GROUP + u];
        to[group] = values;
    }
}

#else

// A layer computes as many sums at once as registers hold besides its inputs, to hide the latency of additions; fewer
// if its outputs aren't a multiple of that. Without AVX-512 a row takes two or four of the 16 or 32 registers.
#ifdef __AVX512F__
constexpr int MOST_SUMS = 8;
#else
constexpr int MOST_SUMS = 4;
#endif
constexpr int sums_at_once(int n_out) {
    int n = MOST_SUMS;
    while (n_out % n) n /= 2;
    return n;
}

// The sums of the outputs from `o` on; inputs are `stride` rows apart.
template <int N_IN, int N_OUT>
WIDE_FN void sum_inputs(const float* weights, const Row* inputs, int stride, int o, Row* sums) {
    constexpr int AT_ONCE = sums_at_once(N_OUT);
    Row parts[AT_ONCE] = {};
    for (int c = 0; c < N_IN; ++c) {
        const Row x = inputs[c * stride];
#pragma unroll
        for (int u = 0; u < AT_ONCE; ++u) parts[u] = multiply_add(weights[c * N_OUT + o + u] - Row{}, x, parts[u]);
    }
    for (int u = 0; u < AT_ONCE; ++u) sums[u] = parts[u];
}

// ReLU; NaN stays NaN.
WIDE_FN Row rectified(Row x) { return x < Row{} ? Row{} : x; }

// Both layers for a row of samples. A single output is summed in several parts, because one sum would have to wait for
// each addition in turn.
template <class Network>
WIDE_FN void layers_of(const Network& network, const Row* encoded, Row* outputs) {
    constexpr int N_IN = Network::N_IN, N_HIDDEN = Network::N_HIDDEN, N_OUT = Network::N_OUT;
    constexpr int AT_ONCE = sums_at_once(N_HIDDEN);
    Row sums[8];
    if constexpr (N_OUT == 1) {
        Row parts[AT_ONCE] = {}, total;
        for (int h = 0; h < N_HIDDEN; h += AT_ONCE) {
            sum_inputs<N_IN, N_HIDDEN>(network.hidden_weights, encoded, Network::N_ROWS, h, sums);
#pragma unroll
            for (int u = 0; u < AT_ONCE; ++u)
                parts[u] = multiply_add(network.output_weights[h + u] - Row{}, rectified(sums[u]), parts[u]);
        }
        total = parts[0];
        for (int u = 1; u < AT_ONCE; ++u) total = total + parts[u];
        outputs[0] = total;
    } else {
        Row hidden[N_HIDDEN];
        for (int h = 0; h < N_HIDDEN; h += AT_ONCE) {
            sum_inputs<N_IN, N_HIDDEN>(network.hidden_weights, encoded, Network::N_ROWS, h, sums);
#pragma unroll
            for (int u = 0; u < AT_ONCE; ++u) hidden[h + u] = rectified(sums[u]);
        }
        for (int o = 0; o < N_OUT; o += sums_at_once(N_OUT))
            sum_inputs<N_HIDDEN, N_OUT>(network.output_weights, hidden, 1, o, outputs + o);
    }
}

template <class Network>
WIDE_FN void evaluate_in_vectors(const Network network, int first, int last, const float* positions, float* features) {
    constexpr int N_OUT = Network::N_OUT, N_ROWS = Network::N_ROWS, N_FEATURES = Network::N_FEATURES;
    Row at[N_ROWS][3], encoded[Network::N_IN][N_ROWS];
    for (int i = first, row = 0; i < last; i += LANES, ++row) places_of(network.space, positions, i, last - i, at[row]);
    for (int k = 0; k < Network::N_LEVELS; ++k)
        for (int i = first, row = 0; i < last; i += LANES, ++row) {
            Vertices vertices;
            vertices_of(network.levels[k], at[row], vertices);
            mix_row<N_FEATURES>(network.table, vertices, &encoded[k * N_FEATURES][row], N_ROWS);
        }
    for (int i = first, row = 0; i < last; i += LANES, ++row) {
        Row outputs[N_OUT];
        layers_of(network, &encoded[0][row], outputs);
        const int n = last - i < LANES ? last - i : LANES;
        for (int j = 0; j < n; ++j)
            for (int o = 0; o < N_OUT; ++o) features[(size_t)(i + j) * N_OUT + o] = lane(outputs[o], j);
    }
}

#endif

}  // namespace firstlight
