// Where rays enter and leave a box, and where a march through it begins.
#pragma once

#include "grid.h"
#include "intervals.h"

namespace firstlight {

// A march's rays, box, planes and intervals, and its outputs.
struct MarchStart {
    const float *origins, *directions;
    wp::vec3 low, high;
    float near_plane, far_plane;
    const float *near_planes, *far_planes;  // of each ray; null: the same for all
    const float* jitter;                    // null: no shift
    Steps steps;
    float *t_mins, *t_maxs;
    float* t_nexts;  // null: only t_mins and t_maxs are wanted
    int* n_dense;

    // Writes the outputs of the n rays from i on, side by side.
    WIDE_FN void enter(int i, int n) const {
        const Row zeros = {}, never = zeros + FAR_AWAY;
        Row near = zeros + near_plane, far = zeros + far_plane;
        for (int j = 0; near_planes && j < n; ++j) {
            lane(near, j) = near_planes[i + j];
            lane(far, j) = far_planes[i + j];
        }
        Row enter = -never, leave = never, anchor = near, lost = zeros;
        for (int axis = 0; axis < 3; ++axis) {
            Row o = zeros, d = zeros;
            for (int j = 0; j < n; ++j) {
                lane(o, j) = origins[3 * (size_t)(i + j) + axis];
                lane(d, j) = directions[3 * (size_t)(i + j) + axis];
            }
            const Row a = (low[axis] - o) / d, b = (high[axis] - o) / d;
            Row from = a < b ? a : b, to = a < b ? b : a;
            // rays along the planes are inside for all t or for none (0 * inf would be NaN); an inverted box has no
            // inside
            const auto along = (d < zeros + PARALLEL) & (d > zeros - PARALLEL);
            from = along ? (o >= low[axis] ? -never : never) : from;
            from = along ? (o <= high[axis] ? from : never) : from;
            from = low[axis] > high[axis] ? never : from;
            to = along ? (from < zeros ? never : -never) : to;
            to = low[axis] > high[axis] ? -never : to;
            enter = from > enter ? from : enter;
            leave = to < leave ? to : leave;
            lost += 0.0f * o + 0.0f * d;
        }
        lost += 0.0f * near;
        enter = lost == zeros ? enter : never;  // a ray with a NaN or an infinity misses
        enter = enter < near ? near : enter;
        leave = far < leave ? far : leave;
        for (int j = 0; j < n; ++j) {
            t_mins[i + j] = lane(enter, j);
            t_maxs[i + j] = lane(leave, j);
        }
        if (!t_nexts) return;
        if (jitter)
            for (int j = 0; j < n; ++j) lane(anchor, j) += jitter[i + j] * steps.size;
        const auto hits = enter < leave;
        Row start = anchor;
        skip_to(steps, start, hits ? enter : -never);
        Row end = start;
        const IntRow count = skip_to(steps, end, hits ? leave : -never);
        start = hits ? start : never;
        for (int j = 0; j < n; ++j) {
            t_nexts[i + j] = lane(start, j);
            n_dense[i + j] = lane(count, j);
        }
    }
};

// Kernel: `MarchStart::enter` for the rays `first` to `last - 1`.
WIDE_FN void enter_rays(
    int first, int last, const wp::array_t<wp::vec3>& rays_o, const wp::array_t<wp::vec3>& rays_d, const wp::vec3& low,
    const wp::vec3& high, float near_plane, float far_plane, const wp::array_t<float>& near_planes,
    const wp::array_t<float>& far_planes, const wp::array_t<float>& jitter, float step_size, float cone_angle,
    const wp::array_t<float>& t_mins, const wp::array_t<float>& t_maxs, const wp::array_t<float>& t_nexts,
    const wp::array_t<int>& n_dense) {
    const MarchStart start{
        reinterpret_cast<const float*>(rays_o.data),
        reinterpret_cast<const float*>(rays_d.data),
        low,
        high,
        near_plane,
        far_plane,
        near_planes.data,
        far_planes.data,
        jitter.data,
        {step_size, cone_angle},
        t_mins.data,
        t_maxs.data,
        t_nexts.data,
        n_dense.data};
    int i = first;
    for (; i + LANES <= last; i += LANES) start.enter(i, LANES);
    if (i < last) start.enter(i, last - i);
}

}  // namespace firstlight
