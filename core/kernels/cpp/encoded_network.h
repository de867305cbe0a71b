// A hash grid followed by a network of two layers, without gradients. A kernel that multiplies in tiles includes
// encoded_network_tiles.h before this header; others compile faster without it.
#pragma once

#include "encoded_network_vectors.h"

namespace firstlight {

// The network's outputs for the samples `first` to `last - 1`; on CUDA that is one sample.
template <bool IN_TILES, class Network>
WIDE_FN void evaluate(const Network network, int first, int last, const float* positions, float* features) {
#ifndef FIRSTLIGHT_ONE_LANE
    if constexpr (IN_TILES) return evaluate_in_tiles(network, first, last, positions, features);
#endif
    evaluate_in_vectors(network, first, last, positions, features);
}

// Kernel: `evaluate`.
template <int RUN, int N_IN, int N_HIDDEN, int N_OUT, int N_FEATURES, bool IN_TILES>
WIDE_FN void encoded_network(
    int first, int last, const wp::array_t<wp::vec3>& positions, const wp::vec3& low, const wp::vec3& inverse_size,
    int contraction, const wp::mat33& axes, const wp::array_t<Level>& levels, const wp::array_t<int>& table,
    const wp::array_t<float>& hidden_weights, const wp::array_t<float>& output_weights,
    const wp::array_t<float>& features) {
    const EncodedNetwork<RUN, N_IN, N_HIDDEN, N_OUT, N_FEATURES> network{
        {low, inverse_size, contraction, axes}, levels.data, table.data, hidden_weights.data, output_weights.data};
    evaluate<IN_TILES>(network, first, last, reinterpret_cast<const float*>(positions.data), features.data);
}

}  // namespace firstlight
