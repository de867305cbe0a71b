// Pixels, their loss against photos, and all gradients of it, in one pass on the CPU: what a training step
// does behind the encoding of its samples.
//
// A thread takes some rays at a time through both networks, compositing and back, so that activations stay in its cache
// and the backward pass needn't compute them again.
#pragma once

#include "composite.h"
#include "radiance.h"

namespace firstlight {

constexpr int ROOMS = 4;  // of ROWS samples each, whose activations are kept; `core.kernels.pixel_loss.ROOMS`

constexpr float LEAST_WEIGHT = 1e-6f;  // in logarithms; `core.kernels.packed.LEAST_WEIGHT`

// What a thread needs to take ROWS samples forward and back.
template <class Net>
struct SamplePasses {
    float steepness, scale;
    const float *inputs, *directions;
    float *sigmas, *rgbs;
    const float *sigma_grads, *rgb_grads;
    float *weight_grads, *input_grads;

    APART_FN void ahead(const Room<Net>& room, int row, int n_left) const {
        take_rows<Net, 0>(room, inputs + (size_t)row * Net::SIZE[0], n_left);
        hidden_layers<Net>(room, row, n_left, GiveDensities<Net>{steepness, scale, directions, sigmas});
        for (int b = 0; b < ROWS; b += 16) {
            multiply<Net, Net::N_LAYERS - 1>(room, b);
            GiveColors<Net>{rgbs}(row + b, n_left - b, room.sums);
        }
    }

    // Follows `ahead` of the same samples in the same room. The slope of the density is that of `truncated_exp`.
    APART_FN void back(const Room<Net>& room, int row, int n_left) const {
        TakeColorGradients<Net>{rgbs, rgb_grads}(room, row, n_left);
        const float steepest = scale * expf(STEEPEST), flattest = scale * expf(-STEEPEST);
        for (int b = 0; b < ROWS; b += 16) {
            const Vec16f slope = steepness * clamp(load_some(sigmas + row + b, n_left - b), flattest, steepest);
            *(Vec16f*)(room.first_grads + b) = slope * load_some(sigma_grads + row + b, n_left - b);
        }
        layers_back<Net, Net::N_LAYERS - 1>(room, row, n_left, weight_grads, input_grads);
    }
};

// The sum of w log w over a ray's samples, `first` to `last - 1`; writes its slopes in the weights, times `factor`.
KERNEL_FN float sum_logs(int first, int last, const float* weights, float factor, float* slopes) {
    float sum = 0.0f;
    for (int i = first; i < last; ++i) {
        const float weight = weights[i], grown = weight + LEAST_WEIGHT, logarithm = logf(grown);
        sum += weight * logarithm;
        slopes[i] = factor * (logarithm + weight / grown);
    }
    return sum;
}

// Kernel: the pixels of a part of the rays as `composite_ahead` makes them; in `losses`, one number for each part, its
// share in the loss, see `core.kernels.packed.color_loss`; and the gradients of the loss: `input_grads`, and
// `weight_grads`, N_GRADIENTS numbers for each part, to which it adds. See `radiance_ahead` and `composite_ahead` for
// the other arguments. scratch: N_SCRATCH zeros for each part.
template <class Net, int N_SCRATCH, int N_GRADIENTS>
APART_FN void pixel_loss(
    int part, int n_parts, float steepness, float scale, float entropy, const wp::array_t<float>& inputs,
    const wp::array_t<float>& directions, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& t_starts,
    const wp::array_t<float>& t_ends, const wp::array_t<float>& background, const wp::array_t<float>& targets,
    const wp::array_t<float>& matrices, const wp::array_t<float>& scratch, const wp::array_t<float>& sigmas,
    const wp::array_t<float>& rgbs, const wp::array_t<float>& weights, const wp::array_t<float>& trans,
    const wp::array_t<float>& colors, const wp::array_t<float>& opacities, const wp::array_t<float>& depths,
    const wp::array_t<float>& medians, const wp::array_t<float>& color_grads, const wp::array_t<float>& sigma_grads,
    const wp::array_t<float>& rgb_grads, const wp::array_t<float>& weight_slopes, const wp::array_t<float>& losses,
    const wp::array_t<float>& weight_grads, const wp::array_t<float>& input_grads) {
    typedef typename Net::Number Number;
    constexpr int N_FLOATS = Net::n_activations() * (int)sizeof(Number) / (int)sizeof(float);  // of a room
    static_assert(
        N_SCRATCH == Net::n_packed() + ROOMS * N_FLOATS && N_GRADIENTS == Net::n_gradients(),
        "the caller's room has other sizes");
    const wp::array_t<float> none;
    alignas(64) float sums[16 * Net::widest()], first_grads[ROWS];
    float* packed = scratch.data + (size_t)part * N_SCRATCH;
    const auto room_of = [&](int k) {
        return Room<Net>{(Number*)(packed + Net::n_packed() + k * N_FLOATS), sums, first_grads, packed};
    };
    const SamplePasses<Net> passes{steepness,        scale,          inputs.data,
                                   directions.data,  sigmas.data,    rgbs.data,
                                   sigma_grads.data, rgb_grads.data, weight_grads.data + (size_t)part * N_GRADIENTS,
                                   input_grads.data};
    const int n_rays = packed_info.shape[0], last = (int)((long long)n_rays * (part + 1) / n_parts);
    const float slope = n_rays ? 2.0f / (3.0f * n_rays) : 0.0f, share = n_rays ? entropy / n_rays : 0.0f;
    double squares = 0.0, logs = 0.0;
    Net::Products::begin();
    pack_weights<Net, true>(matrices.data, packed);
    for (int ray = (int)((long long)n_rays * part / n_parts); ray < last;) {
        const int first_ray = ray, first = packed_info.data[ray][0];
        int end = first;
        do end += packed_info.data[ray++][1];
        while (ray < last && end - first + packed_info.data[ray][1] <= ROOMS * ROWS);
        const bool is_kept = end - first <= ROOMS * ROWS;  // else a single ray has more samples
        for (int row = first, k = 0; row < end; row += ROWS, ++k)
            passes.ahead(room_of(is_kept ? k : 0), row, end - row);
        for (int r = first_ray; r < ray; ++r) {
            composite_ahead(
                r, packed_info, t_starts, t_ends, sigmas, rgbs, background, weights, trans, colors, opacities, depths,
                medians);
            for (size_t c = 3 * (size_t)r; c < 3 * (size_t)r + 3; ++c) {
                const float off = colors.data[c] - targets.data[c];
                squares += off * off;
                color_grads.data[c] = slope * off;
            }
            const wp::vec2i of_ray = packed_info.data[r];
            if (share > 0.0f)
                logs += sum_logs(of_ray[0], of_ray[0] + of_ray[1], weights.data, -share, weight_slopes.data);
            composite_back(
                r, packed_info, t_starts, t_ends, sigmas, rgbs, background, weights, trans, opacities, depths,
                share > 0.0f ? weight_slopes : none, none, color_grads, none, none, sigma_grads, rgb_grads, none, none);
        }
        for (int row = first, k = 0; row < end; row += ROWS, ++k) {
            if (!is_kept) passes.ahead(room_of(0), row, end - row);
            passes.back(room_of(is_kept ? k : 0), row, end - row);
        }
    }
    Net::Products::end();
    losses.data[part] = (float)(0.5f * slope * squares - share * logs);
}

}  // namespace firstlight
