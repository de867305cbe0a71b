// Networks without biases, with a ReLU between their layers, on the CPU.
//
// A thread takes ROWS rows through all layers at a time, so that activations stay in its cache. `h(k)` is the input of
// layer k, one row for each sample. The backward pass recomputes it, which is faster than storing it, and overwrites it
// with its gradient.
#pragma once

#include "harmonics.h"
#include "tiles.h"
#include "vectors.h"

namespace firstlight {

// A network's sizes, and the layout of a thread's activations, packed weights and gradients.
//
// Initialize constants with the functions that take a layer, and use these constants: in other expressions clang calls
// the recursive ones at run time, which makes tiles a third slower.
//
// Products: `Vectors` or `Tiles`. JUNCTION: the layer whose input is the previous layer's output, without a ReLU,
// followed by a direction's harmonics; 0: no layer's. SIZES: the first layer's inputs, and each layer's outputs.
template <class Products_, int JUNCTION_, int... SIZES>
struct Network {
    typedef Products_ Products;
    typedef typename Products::Number Number;

    static constexpr int JUNCTION = JUNCTION_, N_LAYERS = sizeof...(SIZES) - 1;
    static constexpr int SIZE[] = {SIZES...};

    static constexpr int n_in(int k) { return SIZE[k] + (k > 0 && k == JUNCTION ? N_HARMONICS : 0); }
    static constexpr int n_out(int k) { return SIZE[k + 1]; }
    static constexpr int n_outputs() { return SIZE[N_LAYERS]; }

    // The stride of h(k)'s rows, and the offset of its first one.
    static constexpr int stride(int k) { return up(n_in(k), Products::GRANULE); }
    static constexpr int h_at(int k) { return k == 0 ? 0 : h_at(k - 1) + ROWS * stride(k - 1); }
    static constexpr int n_activations() { return h_at(N_LAYERS + 1); }

    static constexpr int widest() {
        int widest = 0;
        for (int k = 0; k <= N_LAYERS; ++k) widest = up(n_in(k), 16) > widest ? up(n_in(k), 16) : widest;
        return widest;
    }

    // Offsets of a layer's packed weights: for the forward pass, and behind these for the backward pass.
    static constexpr int packed_at(int k) {
        return k == 0 ? 0 : packed_back_at(k - 1) + Products::packed_size(n_out(k - 1), SIZE[k - 1]);
    }
    static constexpr int packed_back_at(int k) { return packed_at(k) + Products::packed_size(n_in(k), n_out(k)); }
    static constexpr int n_packed() { return packed_at(N_LAYERS); }

    // The offset of the gradients of a layer's weights, (n_out, n_in), padded to whole vectors.
    static constexpr int gradients_at(int k) {
        return k == 0 ? 0 : gradients_at(k - 1) + up(n_out(k - 1), 16) * up(n_in(k - 1), 16);
    }
    static constexpr int n_gradients() { return gradients_at(N_LAYERS); }
};

// A thread's memory for ROWS rows on their way through a network. (Pointers only: arrays as members would make the
// compiler reload these.)
template <class Net>
struct Room {
    typename Net::Number* activations;
    float *sums, *first_grads;  // the latter: gradients that a junction adds to its first feature's
    float* packed;
};

// The address of h(K).
template <int K, class Net>
KERNEL_FN typename Net::Number* layer_input(const Room<Net>& room) {
    constexpr int AT = Net::h_at(K);
    return room.activations + AT;
}

// The rows of one part of a launch.
struct Part {
    int first, last;

    KERNEL_FN Part(int n_rows, int part, int n_parts)
        : first((int)((long long)n_rows * part / n_parts / ROWS * ROWS)),
          last(part + 1 < n_parts ? (int)((long long)n_rows * (part + 1) / n_parts / ROWS * ROWS) : n_rows) {}
};

// Packs all layers' weights, consecutive (n_out, n_in) matrices, as second factors of products.
template <class Net, bool BACKWARD, int K = 0>
KERNEL_FN void pack_weights(const float* weights, float* packed) {
    typedef typename Net::Products Products;
    typedef typename Net::Number Number;
    if constexpr (K < Net::N_LAYERS) {
        constexpr int N_IN = Net::n_in(K), N_OUT = Net::n_out(K), N_GIVEN = Net::SIZE[K];
        constexpr int AT = Net::packed_at(K), BACK_AT = Net::packed_back_at(K);
        for (int o = 0; o < N_OUT; ++o)
            for (int k = 0; k < N_IN; ++k)
                Products::packed_at(packed + AT, k, o, N_OUT) = (Number)weights[o * N_IN + k];
        if constexpr (BACKWARD)
            for (int o = 0; o < N_OUT; ++o)
                for (int k = 0; k < N_GIVEN; ++k)  // harmonics need no gradient
                    Products::packed_at(packed + BACK_AT, o, k, N_GIVEN) = (Number)weights[o * N_IN + k];
        pack_weights<Net, BACKWARD, K + 1>(weights + N_IN * N_OUT, packed);
    }
}

// Fills h(K) with ROWS rows, of which `n_left` exist; the others are zeros.
template <class Net, int K>
WIDE_FN void take_rows(const Room<Net>& room, const float* rows, int n_left) {
    constexpr int N = Net::SIZE[K], WIDTH = up(N, 16), STRIDE = Net::stride(K);
    auto* h = layer_input<K>(room);
    for (int r = 0; r < ROWS; ++r)
        for (int c = 0; c < WIDTH; c += 16)
            Net::Products::put(h + r * STRIDE + c, r < n_left ? load_some(rows + (size_t)r * N + c, N - c) : Vec16f{});
}

// Writes the first `n_left` of sixteen rows of N sums.
template <int N>
WIDE_FN void give_rows(const float* sums, float* rows, int n_left) {
    constexpr int WIDTH = up(N, 16);
    for (int r = 0; r < 16; ++r)
        for (int c = 0; c < WIDTH; c += 16) {
            const Vec16f x = *(const Vec16f*)(sums + r * WIDTH + c);
            if (r < n_left) store_some(rows + (size_t)r * N + c, x, N - c);
        }
}

// room.sums = the output of layer K for sixteen rows from `b` on, before its ReLU.
template <class Net, int K>
WIDE_FN void multiply(const Room<Net>& room, int b) {
    constexpr int STRIDE = Net::stride(K), PACKED_AT = Net::packed_at(K);
    constexpr bool FILLS_UP = K + 1 < Net::N_LAYERS;  // the next layer multiplies the padding too
    Net::Products::template product<Net::n_in(K), Net::n_out(K), STRIDE, FILLS_UP>(
        layer_input<K>(room) + b * STRIDE, room.packed + PACKED_AT, room.sums);
}

// Layers K to N_LAYERS - 2: each writes the next one's input, sixteen rows at a time; NaN stays NaN. At the junction,
// `junction(row, n_left, sums, behind, first_grads)` gets the features' sums of the sixteen rows from `row` on, of
// which `n_left` exist, and fills in the harmonics behind the features.
template <class Net, int K = 0, class Junction>
WIDE_FN void hidden_layers(const Room<Net>& room, int row, int n_left, const Junction& junction) {
    if constexpr (K + 1 < Net::N_LAYERS) {
        constexpr bool AT_JUNCTION = K + 1 == Net::JUNCTION;
        constexpr int N = Net::SIZE[K + 1], WIDTH = up(N, 16), STRIDE = Net::stride(K + 1);
        for (int b = 0; b < ROWS; b += 16) {
            multiply<Net, K>(room, b);
            auto* next = layer_input<K + 1>(room) + b * STRIDE;
            for (int r = 0; r < 16; ++r)
                for (int c = 0; c < WIDTH; c += 16) {
                    const Vec16f x = *(const Vec16f*)(room.sums + r * WIDTH + c);
                    if constexpr (AT_JUNCTION)
                        Net::Products::put(next + r * STRIDE + c, x);
                    else
                        Net::Products::put(next + r * STRIDE + c, x < 0.0f ? Vec16f{} : x);
                }
            if constexpr (AT_JUNCTION) junction(row + b, n_left - b, room.sums, next + N, room.first_grads + b);
        }
        hidden_layers<Net, K + 1>(room, row, n_left, junction);
    }
}

// Layers K to 0, backwards. h(K + 1) holds the gradient of layer K's output. Adds to the gradients of its weights, and
// overwrites h(K) with the gradient of its input; the first layer's goes to `input_grads`, if that isn't null.
template <class Net, int K>
WIDE_FN void layers_back(const Room<Net>& room, int row, int n_left, float* weight_grads, float* input_grads) {
    typedef typename Net::Products Products;
    constexpr int N_IN = Net::n_in(K), N_OUT = Net::n_out(K), N_GIVEN = Net::SIZE[K], WIDTH = up(N_GIVEN, 16);
    constexpr int H_STRIDE = Net::stride(K), G_STRIDE = Net::stride(K + 1);
    constexpr int PACKED_AT = Net::packed_back_at(K), GRADIENTS_AT = Net::gradients_at(K);
    auto *h = layer_input<K>(room), *g = layer_input<K + 1>(room);
    Products::template add_weight_gradients<N_OUT, G_STRIDE, N_IN, H_STRIDE>(g, h, weight_grads + GRADIENTS_AT);
    if (K == 0 && !input_grads) return;
    for (int b = 0; b < ROWS; b += 16) {
        // harmonics need no gradient
        Products::template product<N_OUT, N_GIVEN, G_STRIDE, true>(
            g + b * G_STRIDE, room.packed + PACKED_AT, room.sums);
        if constexpr (K == 0) {
            give_rows<N_IN>(room.sums, input_grads + (size_t)(row + b) * N_IN, n_left - b);
        } else
            for (int r = 0; r < 16; ++r)
                for (int c = 0; c < WIDTH; c += 16) {
                    const Vec16f x = *(const Vec16f*)(room.sums + r * WIDTH + c);
                    auto* at = h + (b + r) * H_STRIDE + c;
                    if constexpr (K == Net::JUNCTION)
                        Products::put(at, c ? x : x + Vec16f{room.first_grads[b + r]});
                    else
                        Products::put(at, Products::get(at) == 0.0f ? Vec16f{} : x);
                }
    }
    if constexpr (K > 0) layers_back<Net, K - 1>(room, row, n_left, weight_grads, input_grads);
}

// Takes a part's rows through all layers; `give(row, n_left, sums)` writes the last layer's sums, of sixteen rows at a
// time.
template <class Net, class Junction, class Give>
WIDE_FN void pass_ahead(
    const Part& part, const float* inputs, const float* weights, float* packed, const Junction& junction,
    const Give& give) {
    Net::Products::begin();
    pack_weights<Net, false>(weights, packed);
    alignas(64) typename Net::Number activations[Net::n_activations()] = {};
    alignas(64) float sums[16 * Net::widest()], first_grads[ROWS];
    const Room<Net> room = {activations, sums, first_grads, packed};
    for (int row = part.first; row < part.last; row += ROWS) {
        const int n_left = part.last - row;
        take_rows<Net, 0>(room, inputs + (size_t)row * Net::SIZE[0], n_left);
        hidden_layers<Net>(room, row, n_left, junction);
        for (int b = 0; b < ROWS; b += 16) {
            multiply<Net, Net::N_LAYERS - 1>(room, b);
            give(row + b, n_left - b, room.sums);
        }
    }
    Net::Products::end();
}

// Takes a part's rows through all layers and back; `take(room, row, n_left)` fills h(N_LAYERS) with the gradients of
// the last layer's sums.
template <class Net, class Junction, class Take>
WIDE_FN void pass_back(
    const Part& part, const float* inputs, const float* weights, float* packed, float* weight_grads, float* input_grads,
    const Junction& junction, const Take& take) {
    Net::Products::begin();
    pack_weights<Net, true>(weights, packed);
    alignas(64) typename Net::Number activations[Net::n_activations()] = {};
    alignas(64) float sums[16 * Net::widest()], first_grads[ROWS];
    const Room<Net> room = {activations, sums, first_grads, packed};
    for (int row = part.first; row < part.last; row += ROWS) {
        const int n_left = part.last - row;
        take_rows<Net, 0>(room, inputs + (size_t)row * Net::SIZE[0], n_left);
        take(room, row, n_left);
        hidden_layers<Net>(room, row, n_left, junction);
        layers_back<Net, Net::N_LAYERS - 1>(room, row, n_left, weight_grads, input_grads);
    }
    Net::Products::end();
}

struct NoJunction {};

template <class Net>
struct GiveOutputs {
    float* outputs;

    KERNEL_FN void operator()(int row, int n_left, const float* sums) const {
        give_rows<Net::n_outputs()>(sums, outputs + (size_t)row * Net::n_outputs(), n_left);
    }
};

template <class Net>
struct TakeGradients {
    const float* grads;

    KERNEL_FN void operator()(const Room<Net>& room, int row, int n_left) const {
        take_rows<Net, Net::N_LAYERS>(room, grads + (size_t)row * Net::n_outputs(), n_left);
    }
};

// Kernel: outputs (n, n_out) for inputs (n, n_in), for the rows of a part.
//
// matrices: all layers' weights, see `pack_weights`. scratch: N_PACKED zeros for each part.
template <class Net, int N_PACKED>
APART_FN void network_ahead(
    int part, int n_parts, const wp::array_t<float>& inputs, const wp::array_t<float>& matrices,
    const wp::array_t<float>& scratch, const wp::array_t<float>& outputs) {
    static_assert(N_PACKED == Net::n_packed(), "the caller's scratch has another size");
    const Part rows(inputs.shape[0] / Net::SIZE[0], part, n_parts);
    float* packed = scratch.data + (size_t)part * N_PACKED;
    pass_ahead<Net>(rows, inputs.data, matrices.data, packed, NoJunction{}, GiveOutputs<Net>{outputs.data});
}

// Kernel: the backward pass for the outputs' gradients `grads`: adds to weight_grads, N_GRADIENTS for each part, and
// fills input_grads (n, n_in) if it has data.
template <class Net, int N_PACKED, int N_GRADIENTS>
APART_FN void network_back(
    int part, int n_parts, const wp::array_t<float>& inputs, const wp::array_t<float>& grads,
    const wp::array_t<float>& matrices, const wp::array_t<float>& scratch, const wp::array_t<float>& weight_grads,
    const wp::array_t<float>& input_grads) {
    static_assert(
        N_PACKED == Net::n_packed() && N_GRADIENTS == Net::n_gradients(), "the caller's room has other sizes");
    const Part rows(inputs.shape[0] / Net::SIZE[0], part, n_parts);
    pass_back<Net>(
        rows, inputs.data, matrices.data, scratch.data + (size_t)part * N_PACKED,
        weight_grads.data + (size_t)part * N_GRADIENTS, input_grads.data, NoJunction{}, TakeGradients<Net>{grads.data});
}

}  // namespace firstlight
