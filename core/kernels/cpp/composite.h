// Volume rendering of packed samples, one thread for each ray; `core.kernels.packed` has the formulas.
//
// Absent arrays have no data: colours if only weights are wanted, transmittances if weights are given, and gradients
// that don't exist or aren't wanted.
#pragma once

#include "lanes.h"

namespace firstlight {

constexpr float LN2 = 0.6931471805599453f;
constexpr float LEAST_OPACITY = 1e-10f;  // the smallest divisor of a depth

// The background's colour for a ray; `background` has one for all rays, or one for each.
KERNEL_FN const float* color_behind(const wp::array_t<float>& background, int ray) {
    return background.data + (background.shape[0] == 3 ? 0 : 3 * (size_t)ray);
}

// Kernel: writes the samples' transmittances and weights, unless weights are given, and, if `colors` has data, the
// ray's pixel.
KERNEL_FN void composite_ahead(
    int ray, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& t_starts,
    const wp::array_t<float>& t_ends, const wp::array_t<float>& sigmas, const wp::array_t<float>& rgbs,
    const wp::array_t<float>& background, const wp::array_t<float>& weights, const wp::array_t<float>& trans,
    const wp::array_t<float>& colors, const wp::array_t<float>& opacities, const wp::array_t<float>& depths,
    const wp::array_t<float>& medians) {
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    if (trans.data) {
        double left = 1.0;  // in float32 a ray of a million samples would lose half of its digits
        for (int i = first; i < last; ++i) {
            const float passed = expf(-sigmas.data[i] * (t_ends.data[i] - t_starts.data[i]));
            trans.data[i] = (float)left;
            weights.data[i] = (float)left * (1.0f - passed);
            left *= passed;
        }
    }
    if (!colors.data) return;
    float sums[3] = {}, opacity = 0.0f, depth = 0.0f, missing = LN2, median = INFINITY;
    for (int i = first; i < last; ++i) {
        const float weight = weights.data[i], start = t_starts.data[i], end = t_ends.data[i];
        for (int c = 0; c < 3; ++c) sums[c] += weight * rgbs.data[3 * (size_t)i + c];
        opacity += weight;
        depth += weight * (0.5f * (start + end));
        const float tau = sigmas.data[i] * (end - start);
        if (missing > 0.0f && tau >= missing) median = start + missing / sigmas.data[i];
        missing -= tau;
    }
    const float* behind = color_behind(background, ray);
    for (int c = 0; c < 3; ++c) colors.data[3 * (size_t)ray + c] = sums[c] + behind[c] * (1.0f - opacity);
    opacities.data[ray] = opacity;
    depths.data[ray] = opacity > 0.0f ? depth / wp::max(opacity, LEAST_OPACITY) : INFINITY;
    medians.data[ray] = median;
}

// Kernel: writes gradients: `source_grads` of the densities, or of the weights if these were given (`trans` then has no
// data); and, where they have data, those of the colours and of the samples' ends.
//
// d w_i / d tau_i = T_i - w_i;  d w_k / d tau_i = -w_k and d T_k / d tau_i = -T_k for the samples k behind i.
// The colour over the background is linear in the weights, and the depth is the sum of w t over that of w.
KERNEL_FN void composite_back(
    int ray, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& t_starts,
    const wp::array_t<float>& t_ends, const wp::array_t<float>& sigmas, const wp::array_t<float>& rgbs,
    const wp::array_t<float>& background, const wp::array_t<float>& weights, const wp::array_t<float>& trans,
    const wp::array_t<float>& opacities, const wp::array_t<float>& depths, const wp::array_t<float>& weight_grads,
    const wp::array_t<float>& trans_grads, const wp::array_t<float>& color_grads,
    const wp::array_t<float>& opacity_grads, const wp::array_t<float>& depth_grads,
    const wp::array_t<float>& source_grads, const wp::array_t<float>& rgb_grads, const wp::array_t<float>& start_grads,
    const wp::array_t<float>& end_grads) {
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    float color_grad[3] = {}, opacity_grad = 0.0f, depth_grad = 0.0f;  // of a weight per its colour, 1 and t
    if (color_grads.data) {
        const float* behind = color_behind(background, ray);
        for (int c = 0; c < 3; ++c) {
            color_grad[c] = color_grads.data[3 * (size_t)ray + c];
            opacity_grad -= color_grad[c] * behind[c];
        }
    }
    if (opacity_grads.data) opacity_grad += opacity_grads.data[ray];
    if (depth_grads.data && opacities.data[ray] > 0.0f) {
        depth_grad = depth_grads.data[ray] / wp::max(opacities.data[ray], LEAST_OPACITY);
        opacity_grad -= depth_grad * depths.data[ray];
    }
    double behind_it = 0.0;  // what the samples behind lose as the optical thickness of this one grows
    for (int i = last - 1; i >= first; --i) {
        const float weight = weights.data[i], start = t_starts.data[i], end = t_ends.data[i];
        float grad = opacity_grad + depth_grad * (0.5f * (start + end));
        if (weight_grads.data) grad += weight_grads.data[i];
        if (rgbs.data)
            for (int c = 0; c < 3; ++c) grad += color_grad[c] * rgbs.data[3 * (size_t)i + c];
        if (rgb_grads.data)
            for (int c = 0; c < 3; ++c) rgb_grads.data[3 * (size_t)i + c] = color_grad[c] * weight;
        float tau_grad = 0.0f;
        if (trans.data) {
            tau_grad = (float)(grad * (trans.data[i] - weight) - behind_it);
            behind_it += grad * weight;
            if (trans_grads.data) behind_it += trans_grads.data[i] * trans.data[i];
        }
        source_grads.data[i] = trans.data ? tau_grad * (end - start) : grad;
        if (start_grads.data) {
            const float longer = tau_grad * sigmas.data[i], later = 0.5f * depth_grad * weight;
            start_grads.data[i] = later - longer;
            end_grads.data[i] = later + longer;
        }
    }
}

// Kernel: sums (n_rays, n_channels) of weight * value over the ray's samples.
KERNEL_FN void accumulate_ahead(
    int ray, int n_channels, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& weights,
    const wp::array_t<float>& values, const wp::array_t<float>& sums) {
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    float* sum = sums.data + (size_t)ray * n_channels;
    for (int c = 0; c < n_channels; ++c) sum[c] = 0.0f;
    for (int i = first; i < last; ++i) {
        const float weight = weights.data[i], *value = values.data + (size_t)i * n_channels;
        for (int c = 0; c < n_channels; ++c) sum[c] += weight * value[c];
    }
}

// Kernel: the gradients of the sums' weights and values.
KERNEL_FN void accumulate_back(
    int ray, int n_channels, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& weights,
    const wp::array_t<float>& values, const wp::array_t<float>& sum_grads, const wp::array_t<float>& weight_grads,
    const wp::array_t<float>& value_grads) {
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    const float* sum_grad = sum_grads.data + (size_t)ray * n_channels;
    for (int i = first; i < last; ++i) {
        const float* value = values.data + (size_t)i * n_channels;
        float* value_grad = value_grads.data + (size_t)i * n_channels;
        float total = 0.0f;
        for (int c = 0; c < n_channels; ++c) {
            total += sum_grad[c] * value[c];
            value_grad[c] = sum_grad[c] * weights.data[i];
        }
        weight_grads.data[i] = total;
    }
}

}  // namespace firstlight
