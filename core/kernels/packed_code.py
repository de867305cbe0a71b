"""The kernels that walk along rays for `core.kernels.packed`, which says what they compute; one thread walks one ray.

Plain C++, for Warp's own code finds its way in arrays three times as slowly. What there isn't has no data: colours
where only weights are asked for, transmittances where weights are given, gradients that nobody has or wants.
"""

import math

import warp as wp

from core.kernels.runtime.native import native_kernel

_CONSTANTS = f"""
    constexpr float LN2 = {math.log(2.0)}f, LEAST_OPACITY = 1e-10f;  // the least that a depth is divided by
"""

_WALK_AHEAD = """
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    if (trans.data) {
        float left = 1.0f;
        for (int i = first; i < last; ++i) {
            const float passed = expf(-sigmas.data[i] * (t_ends.data[i] - t_starts.data[i]));
            trans.data[i] = left;
            weights.data[i] = left * (1.0f - passed);
            left *= passed;
        }
    }
    if (!colors.data)
        return;
    float sums[3] = {}, opacity = 0.0f, depth = 0.0f, missing = LN2, median = INFINITY;
    for (int i = first; i < last; ++i) {
        const float weight = weights.data[i], start = t_starts.data[i], end = t_ends.data[i];
        for (int c = 0; c < 3; ++c)
            sums[c] += weight * rgbs.data[3 * (size_t)i + c];
        opacity += weight;
        depth += weight * (0.5f * (start + end));
        const float tau = sigmas.data[i] * (end - start);
        if (missing > 0.0f && tau >= missing)
            median = start + missing / sigmas.data[i];
        missing -= tau;
    }
    const float* behind = background.data + (background.shape[0] == 3 ? 0 : 3 * (size_t)ray);
    for (int c = 0; c < 3; ++c)
        colors.data[3 * (size_t)ray + c] = sums[c] + behind[c] * (1.0f - opacity);
    opacities.data[ray] = opacity;
    depths.data[ray] = opacity > 0.0f ? depth / wp::max(opacity, LEAST_OPACITY) : INFINITY;
    medians.data[ray] = median;
"""

# d w_i / d tau_i = T_i - w_i;  d w_k / d tau_i = -w_k and d T_k / d tau_i = -T_k for the samples k behind i.
# The colour over the background is linear in the weights, and the depth is the sum of w t over that of w.
_WALK_BACK = """
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    float of_color[3] = {}, of_any = 0.0f, of_t = 0.0f;
    if (color_grads.data) {
        const float* behind = background.data + (background.shape[0] == 3 ? 0 : 3 * (size_t)ray);
        for (int c = 0; c < 3; ++c) {
            of_color[c] = color_grads.data[3 * (size_t)ray + c];
            of_any -= of_color[c] * behind[c];
        }
    }
    if (opacity_grads.data)
        of_any += opacity_grads.data[ray];
    if (depth_grads.data && opacities.data[ray] > 0.0f) {
        of_t = depth_grads.data[ray] / wp::max(opacities.data[ray], LEAST_OPACITY);
        of_any -= of_t * depths.data[ray];
    }
    float behind_it = 0.0f;
    for (int i = last - 1; i >= first; --i) {
        const float weight = weights.data[i], start = t_starts.data[i], end = t_ends.data[i];
        float grad = of_any + of_t * (0.5f * (start + end));
        if (weight_grads.data)
            grad += weight_grads.data[i];
        if (rgbs.data)
            for (int c = 0; c < 3; ++c)
                grad += of_color[c] * rgbs.data[3 * (size_t)i + c];
        if (rgb_grads.data)
            for (int c = 0; c < 3; ++c)
                rgb_grads.data[3 * (size_t)i + c] = of_color[c] * weight;
        float tau_grad = 0.0f;
        if (trans.data) {
            tau_grad = grad * (trans.data[i] - weight) - behind_it;
            behind_it += grad * weight;
            if (trans_grads.data)
                behind_it += trans_grads.data[i] * trans.data[i];
        }
        source_grads.data[i] = trans.data ? tau_grad * (end - start) : grad;
        if (start_grads.data) {
            const float longer = tau_grad * sigmas.data[i], later = 0.5f * of_t * weight;
            start_grads.data[i] = later - longer;
            end_grads.data[i] = later + longer;
        }
    }
"""


@native_kernel(_CONSTANTS + _WALK_AHEAD)
def composite_ahead(
    ray: wp.int32,
    packed_info: wp.array(dtype=wp.vec2i),
    t_starts: wp.array(dtype=wp.float32),
    t_ends: wp.array(dtype=wp.float32),
    sigmas: wp.array(dtype=wp.float32),
    rgbs: wp.array(dtype=wp.float32),
    background: wp.array(dtype=wp.float32),
    weights: wp.array(dtype=wp.float32),
    trans: wp.array(dtype=wp.float32),
    colors: wp.array(dtype=wp.float32),
    opacities: wp.array(dtype=wp.float32),
    depths: wp.array(dtype=wp.float32),
    medians: wp.array(dtype=wp.float32),
): ...


@native_kernel(_CONSTANTS + _WALK_BACK)
def composite_back(
    ray: wp.int32,
    packed_info: wp.array(dtype=wp.vec2i),
    t_starts: wp.array(dtype=wp.float32),
    t_ends: wp.array(dtype=wp.float32),
    sigmas: wp.array(dtype=wp.float32),
    rgbs: wp.array(dtype=wp.float32),
    background: wp.array(dtype=wp.float32),
    weights: wp.array(dtype=wp.float32),
    trans: wp.array(dtype=wp.float32),
    opacities: wp.array(dtype=wp.float32),
    depths: wp.array(dtype=wp.float32),
    weight_grads: wp.array(dtype=wp.float32),
    trans_grads: wp.array(dtype=wp.float32),
    color_grads: wp.array(dtype=wp.float32),
    opacity_grads: wp.array(dtype=wp.float32),
    depth_grads: wp.array(dtype=wp.float32),
    source_grads: wp.array(dtype=wp.float32),
    rgb_grads: wp.array(dtype=wp.float32),
    start_grads: wp.array(dtype=wp.float32),
    end_grads: wp.array(dtype=wp.float32),
): ...
