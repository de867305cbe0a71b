// Decides which samples are composited and when a ray ends, for rounds, fused marches and the inspector alike.
//
// Thresholds are compared as optical thicknesses, -log(1 - alpha) and -log(transmittance), which takes no exponential.
// The transmittance includes dropped samples, so the decision doesn't depend on how samples are split into rounds.
#pragma once

#include "grid.h"

namespace firstlight {

enum Fate { COMPOSITED, BELOW_ALPHA, BEHIND_STOP };  // `core.kernels.visibility.Fate`

struct Thresholds {
    float thinnest;  // the least thickness of a sample that is composited
    float opaque;    // the thickness behind which a ray ends
};

// What a ray has passed so far.
struct PassedRay {
    float thickness;  // optical, of all samples passed
    int n_kept;

    KERNEL_FN bool ends(const Thresholds& thresholds) const { return thickness > thresholds.opaque; }

    // Passes the next sample, of thickness `tau`. NaN is neither below nor above a threshold, so it is composited and
    // reaches the loss, which reports it.
    KERNEL_FN Fate pass(float tau, const Thresholds& thresholds) {
        if (ends(thresholds)) return BEHIND_STOP;
        thickness += tau;
        if (tau < thresholds.thinnest) return BELOW_ALPHA;
        ++n_kept;
        return COMPOSITED;
    }
};

// Kernel: the samples that the i-th ray of a round found.
KERNEL_FN void mark_round(
    int i, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<int>& rays, const wp::array_t<float>& sigmas,
    const wp::array_t<float>& t_starts, const wp::array_t<float>& t_ends, const wp::array_t<float>& t_nexts,
    float thinnest, float opaque, const wp::array_t<float>& thickness, const wp::array_t<int>& n_kept,
    const wp::array_t<int>& n_marched, const wp::array_t<int>& ranks, const wp::array_t<bool>& goes_on) {
    const Thresholds thresholds{thinnest, opaque};
    const int ray = rays.data[i], first = packed_info.data[i][0], n = packed_info.data[i][1];
    PassedRay passed{thickness.data[ray], n_kept.data[ray]};
    for (int j = first; j < first + n; ++j) {
        const int rank = passed.n_kept;
        const Fate fate = passed.pass(sigmas.data[j] * (t_ends.data[j] - t_starts.data[j]), thresholds);
        ranks.data[j] = fate == COMPOSITED ? rank : -1;
    }
    thickness.data[ray] = passed.thickness;
    n_kept.data[ray] = passed.n_kept;
    n_marched.data[ray] += n;
    goes_on.data[i] = t_nexts.data[ray] < FAR_AWAY && !passed.ends(thresholds);
}

// Kernel: whether early stop ended the rays `first` to `last - 1`.
KERNEL_FN void ended_rays(
    int first, int last, const wp::array_t<float>& thickness, float thinnest, float opaque,
    const wp::array_t<bool>& ended) {
    const Thresholds thresholds{thinnest, opaque};
    for (int ray = first; ray < last; ++ray) ended.data[ray] = PassedRay{thickness.data[ray], 0}.ends(thresholds);
}

// Kernel: the fates of a ray's samples, from its first one on.
KERNEL_FN void fates_along(
    int ray, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& sigmas,
    const wp::array_t<float>& t_starts, const wp::array_t<float>& t_ends, float thinnest, float opaque,
    const wp::array_t<wp::int8>& fates) {
    const int first = packed_info.data[ray][0], n = packed_info.data[ray][1];
    PassedRay passed{0.0f, 0};
    for (int j = first; j < first + n; ++j) {
        const float tau = sigmas.data[j] * (t_ends.data[j] - t_starts.data[j]);
        fates.data[j] = (wp::int8)passed.pass(tau, {thinnest, opaque});
    }
}

// Kernel: copies those of the samples `first` to `last - 1` that are kept to their places among all kept samples.
KERNEL_FN void place_kept(
    int first, int last, int n_features, const wp::array_t<int>& ray_indices, const wp::array_t<int>& ranks,
    const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& t_starts, const wp::array_t<float>& t_ends,
    const wp::array_t<float>& sigmas, const wp::array_t<float>& features, const wp::array_t<float>& kept_t_starts,
    const wp::array_t<float>& kept_t_ends, const wp::array_t<int>& kept_ray_indices,
    const wp::array_t<float>& kept_sigmas, const wp::array_t<float>& kept_features) {
    for (int i = first; i < last; ++i) {
        if (ranks.data[i] < 0) continue;
        const int ray = ray_indices.data[i];
        const size_t j = packed_info.data[ray][0] + ranks.data[i];
        kept_t_starts.data[j] = t_starts.data[i];
        kept_t_ends.data[j] = t_ends.data[i];
        kept_ray_indices.data[j] = ray;
        kept_sigmas.data[j] = sigmas.data[i];
        for (int c = 0; c < n_features; ++c)
            kept_features.data[j * n_features + c] = features.data[(size_t)i * n_features + c];
    }
}

}  // namespace firstlight
