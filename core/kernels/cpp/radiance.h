// Everything in a radiance field behind its encoding, on the CPU: two networks as one with a junction (mlp.h).
//
// The first network's outputs are features, the first of which is the logarithm of the density. The second network's
// inputs are these, followed by the harmonics of a direction; the sigmoids of its outputs are colours.
#pragma once

#include "mlp.h"

namespace firstlight {

// The gradient of exp is that at the nearest number in this range; `core.fields.activations.STEEPEST`.
constexpr float STEEPEST = 15.0f;

// Clamps numbers; NaN stays NaN.
WIDE_FN Vec16f clamp(Vec16f x, float low, float high) {
    x = x < low ? Vec16f{} + low : x;
    return x > high ? Vec16f{} + high : x;
}

// exp(x) = 2^n exp(r) with an integer n and |r| <= log(2) / 2, by exp's series (Cody and Waite 1980). 2^n is applied as
// two factors, because the largest one isn't a float. NaN stays NaN.
WIDE_FN Vec16f exp_of(Vec16f x) {
    x = clamp(x, -105.0f, 90.0f);
    const Vec16f power = __builtin_elementwise_floor(1.44269504f * x + 0.5f);
    const Vec16f rest = x - power * 0.693359375f + power * 2.12194440e-4f;
    Vec16f sum = Vec16f{} + 1.0f / 720.0f;
    sum = sum * rest + 1.0f / 120.0f;
    sum = sum * rest + 1.0f / 24.0f;
    sum = sum * rest + 1.0f / 6.0f;
    sum = sum * rest + 0.5f;
    sum = sum * rest + 1.0f;
    sum = sum * rest + 1.0f;
    const Vec16i whole = __builtin_convertvector(power == power ? power : Vec16f{}, Vec16i), half = whole / 2;
    return sum * (Vec16f)((half + 127) << 23) * (Vec16f)((whole - half + 127) << 23);
}

WIDE_FN Vec16f sigmoid_of(Vec16f x) { return 1.0f / (1.0f + exp_of(-x)); }

WIDE_FN Vec16f sigmoid_slope(Vec16f sigmoid) { return sigmoid * (1.0f - sigmoid); }

// Writes the harmonics of sixteen directions behind the features of `row` and the rows after it, of which `n_left`
// exist. Returns the logarithms of the densities: steepness times the first of the features, `sums`.
template <class Net>
WIDE_FN Vec16f append_harmonics_to(
    typename Net::Number* behind, const float* directions, float steepness, int row, int n_left, const float* sums) {
    constexpr int WIDTH = up(Net::SIZE[Net::JUNCTION], 16), STRIDE = Net::stride(Net::JUNCTION);
    alignas(64) float direction[3][16] = {}, logarithms[16];
    for (int r = 0; r < 16 && r < n_left; ++r)
        for (int axis = 0; axis < 3; ++axis) direction[axis][r] = directions[(size_t)(row + r) * 3 + axis];
    for (int r = 0; r < 16; ++r) logarithms[r] = sums[r * WIDTH];
    typedef float Vector __attribute__((vector_size(64)));  // as a template's argument, `Vec16f` is this
    Vector harmonics[N_HARMONICS];
    harmonics_of(*(const Vector*)direction[0], *(const Vector*)direction[1], *(const Vector*)direction[2], harmonics);
    transpose((Vec16u*)harmonics);
    for (int r = 0; r < 16; ++r) Net::Products::put(behind + r * STRIDE, harmonics[r]);
    return steepness * *(const Vec16f*)logarithms;
}

// The junction of the forward pass: writes the densities.
template <class Net>
struct GiveDensities {
    float steepness, scale;
    const float* directions;
    float* sigmas;

    WIDE_FN void operator()(
        int row, int n_left, const float* sums, typename Net::Number* behind, float* first_grads) const {
        const Vec16f logarithm = append_harmonics_to<Net>(behind, directions, steepness, row, n_left, sums);
        store_some(sigmas + row, scale * exp_of(logarithm), n_left);
    }
};

// The junction of the backward pass: the gradients that the densities pass to the first feature, finite as those of
// `core.fields.activations.truncated_exp`.
template <class Net>
struct TakeDensityGradients {
    float steepness, scale;
    const float *directions, *sigma_grads;

    WIDE_FN void operator()(
        int row, int n_left, const float* sums, typename Net::Number* behind, float* first_grads) const {
        const Vec16f logarithm = append_harmonics_to<Net>(behind, directions, steepness, row, n_left, sums);
        const Vec16f slope = steepness * scale * exp_of(clamp(logarithm, -STEEPEST, STEEPEST));
        *(Vec16f*)first_grads = slope * load_some(sigma_grads + row, n_left);
    }
};

// Writes the sigmoids of sixteen rows of sums, without padding between rows.
template <class Net>
struct GiveColors {
    float* rgbs;

    WIDE_FN void operator()(int row, int n_left, const float* sums) const {
        constexpr int N = Net::n_outputs(), WIDTH = up(N, 16);
        alignas(64) float close[16 * N];
        for (int r = 0; r < 16; ++r)
            for (int c = 0; c < N; ++c) close[r * N + c] = sums[r * WIDTH + c];
        for (int c = 0; c < 16 * N; c += 16)
            store_some(rgbs + (size_t)row * N + c, sigmoid_of(*(const Vec16f*)(close + c)), n_left * N - c);
    }
};

// The gradients of the last layer's sums: those of their sigmoids times the sigmoids' slopes.
template <class Net>
struct TakeColorGradients {
    const float *rgbs, *rgb_grads;

    WIDE_FN void operator()(const Room<Net>& room, int row, int n_left) const {
        constexpr int N = Net::n_outputs(), STRIDE = Net::stride(Net::N_LAYERS);
        alignas(64) float close[ROWS * N];
        for (int c = 0; c < ROWS * N; c += 16) {
            const size_t at = (size_t)row * N + c;
            const int left = n_left * N - c;
            *(Vec16f*)(close + c) = sigmoid_slope(load_some(rgbs + at, left)) * load_some(rgb_grads + at, left);
        }
        auto* grads = layer_input<Net::N_LAYERS>(room);
        for (int r = 0; r < ROWS; ++r)
            for (int c = 0; c < N; ++c) grads[r * STRIDE + c] = (typename Net::Number)close[r * N + c];
    }
};

// Kernel: sigmas (n,) = scale * exp(steepness * the first feature), and rgbs (n, 3), for inputs (n, n_in) seen along
// directions (n, 3), for the samples of a part. See `network_ahead` for the other arguments.
template <class Net, int N_PACKED>
APART_FN void radiance_ahead(
    int part, int n_parts, float steepness, float scale, const wp::array_t<float>& inputs,
    const wp::array_t<float>& directions, const wp::array_t<float>& matrices, const wp::array_t<float>& scratch,
    const wp::array_t<float>& sigmas, const wp::array_t<float>& rgbs) {
    static_assert(N_PACKED == Net::n_packed(), "the caller's scratch has another size");
    const Part rows(inputs.shape[0] / Net::SIZE[0], part, n_parts);
    pass_ahead<Net>(
        rows, inputs.data, matrices.data, scratch.data + (size_t)part * N_PACKED,
        GiveDensities<Net>{steepness, scale, directions.data, sigmas.data}, GiveColors<Net>{rgbs.data});
}

// Kernel: the backward pass for gradients of the densities and of the colours; `rgbs` are the forward pass's. See
// `network_back` for the other arguments.
template <class Net, int N_PACKED, int N_GRADIENTS>
APART_FN void radiance_back(
    int part, int n_parts, float steepness, float scale, const wp::array_t<float>& inputs,
    const wp::array_t<float>& directions, const wp::array_t<float>& rgbs, const wp::array_t<float>& sigma_grads,
    const wp::array_t<float>& rgb_grads, const wp::array_t<float>& matrices, const wp::array_t<float>& scratch,
    const wp::array_t<float>& weight_grads, const wp::array_t<float>& input_grads) {
    static_assert(
        N_PACKED == Net::n_packed() && N_GRADIENTS == Net::n_gradients(), "the caller's room has other sizes");
    const Part rows(inputs.shape[0] / Net::SIZE[0], part, n_parts);
    pass_back<Net>(
        rows, inputs.data, matrices.data, scratch.data + (size_t)part * N_PACKED,
        weight_grads.data + (size_t)part * N_GRADIENTS, input_grads.data,
        TakeDensityGradients<Net>{steepness, scale, directions.data, sigma_grads.data},
        TakeColorGradients<Net>{rgbs.data, rgb_grads.data});
}

}  // namespace firstlight
