// Marches rays through an occupancy grid: on the CPU sixteen rays side by side, on CUDA one per thread.
//
// Each step of a ray depends on the one before, so sixteen rays side by side take little longer than one. A lane whose
// ray is done takes the next ray at once.
#pragma once

#include "grid.h"
#include "intervals.h"

namespace firstlight {

// All rays of a march.
struct MarchedRays {
    const float *origins, *directions;  // [ray, axis]
    const float* t_maxs;                // where each ray ends
    float* t_nexts;                     // where it goes on; FAR_AWAY if it is done
};

// One round of a march: some rays, each of which takes at most `limit` samples.
struct MarchRound {
    const int* rays;  // their indices; a ray's position among them is its slot
    int limit;
    float* starts;  // [slot, sample], where samples begin
    int* counts;    // [slot]

    KERNEL_FN void finish(const MarchedRays& all, int slot, int n_found, float t, bool goes_on) const {
        counts[slot] = n_found;
        all.t_nexts[rays[slot]] = goes_on ? t : FAR_AWAY;
    }
};

// The rays of a round that no lane has taken yet: slots `next` to `last - 1`.
struct MarchQueue {
    int next, last;

    // The slot of the next ray that isn't done yet; -1 if there is none.
    KERNEL_FN int take(const MarchRound& round, const MarchedRays& all, Steps steps) {
        for (; next < last; ++next) {
            const int ray = round.rays[next];
            const float from = all.t_nexts[ray];
            if (from + 0.5f * steps.at(from) < all.t_maxs[ray]) return next++;
            round.finish(all, next, 0, from, false);
        }
        return -1;
    }
};

// Puts a ray into a lane.
KERNEL_FN void put_ray(const MarchedRays& all, int ray, int j, Row* origin, Row* direction, Row* inverse_direction) {
    for (int axis = 0; axis < 3; ++axis) {
        const float d = all.directions[3 * ray + axis];
        lane(origin[axis], j) = all.origins[3 * ray + axis];
        lane(direction[axis], j) = d;
        lane(inverse_direction[axis], j) = inverse_of(d);
    }
}

// Marches the rays `round.rays[first]` to `round.rays[last - 1]`. (The lanes' state is in
// separate variables: from a struct, the compiler would reload everything after each write to a single lane.)
WIDE_FN void march(
    int first, int last, const MarchRound round, const MarchedRays all, const GridView grid, const Steps steps) {
    const Row zeros = {}, never = zeros + FAR_AWAY;
    Row origin[3] = {}, direction[3] = {}, inverse_direction[3] = {}, t = {}, t_max = {};
    IntRow n = {}, busy = {};  // samples found; -1 in lanes that have a ray
    int slots[LANES] = {}, n_busy = 0;
    MarchQueue queue{first, last};
    for (int j = 0; j < LANES; ++j) {
        const int slot = queue.take(round, all, steps);
        if (slot < 0) break;
        const int ray = round.rays[slot];
        put_ray(all, ray, j, origin, direction, inverse_direction);
        lane(t, j) = all.t_nexts[ray];
        lane(t_max, j) = all.t_maxs[ray];
        lane(busy, j) = -1;
        slots[j] = slot;
        ++n_busy;
    }
    while (n_busy > 0) {
        const Row step = steps.at(t), middle = t + 0.5f * step;
        Row position[3];
        for (int axis = 0; axis < 3; ++axis) position[axis] = origin[axis] + direction[axis] * middle;
        const Cells<Row> at = cells_at(grid, position);
        IntRow clearance = {};
        for (int j = 0; j < LANES; ++j) lane(clearance, j) = grid.clearances[lane(at.index, j)];
        Row after = t + step;
        for (int j = 0; j < LANES; ++j)
            if (lane(busy, j) && lane(clearance, j) == 0)
                round.starts[(size_t)slots[j] * round.limit + lane(n, j)++] = lane(t, j);
        if (any(busy & (clearance > IntRow{}))) {
            const Row left = exit_of(grid, at, clearance, origin, direction, inverse_direction, middle);
            Row target = clearance > IntRow{} ? left : -never;  // no lane leaps from an occupied cell
            target = busy < IntRow{} ? target : -never;
            skip_to(steps, after, target);
        }
        t = after;
        const Row following = t + 0.5f * steps.at(t);
        if (any(busy & ((following >= t_max) | (n >= IntRow{} + round.limit))))
            for (int j = 0; j < LANES; ++j) {
                const bool goes_on = lane(following, j) < lane(t_max, j);
                if (!lane(busy, j) || (goes_on && lane(n, j) < round.limit)) continue;
                round.finish(all, slots[j], lane(n, j), lane(t, j), goes_on);
                const int slot = queue.take(round, all, steps);
                if (slot < 0) {
                    lane(busy, j) = 0;
                    --n_busy;
                    continue;
                }
                const int ray = round.rays[slot];
                put_ray(all, ray, j, origin, direction, inverse_direction);
                lane(t, j) = all.t_nexts[ray];
                lane(t_max, j) = all.t_maxs[ray];
                lane(n, j) = 0;
                slots[j] = slot;
            }
    }
}

// Kernel: a round of the rays `rays[first]` to `rays[last - 1]`.
template <class Grid>
WIDE_FN void march_round(
    int first, int last, int limit, const wp::array_t<int>& rays, const Grid& grid, const wp::array_t<wp::vec3>& rays_o,
    const wp::array_t<wp::vec3>& rays_d, float step_size, float cone_angle, const wp::array_t<float>& t_maxs,
    const wp::array_t<float>& t_nexts, const wp::array_t<float>& starts, const wp::array_t<int>& counts) {
    const MarchedRays all{
        reinterpret_cast<const float*>(rays_o.data), reinterpret_cast<const float*>(rays_d.data), t_maxs.data,
        t_nexts.data};
    march(first, last, {rays.data, limit, starts.data, counts.data}, all, view_of(grid), {step_size, cone_angle});
}

// Kernel: packs the samples of a round's i-th ray behind those of the rays before it.
KERNEL_FN void pack_round(
    int i, int limit, const wp::array_t<int>& rays, const wp::array_t<int>& ends, const wp::array_t<int>& counts,
    const wp::array_t<float>& starts, float step_size, float cone_angle, const wp::array_t<float>& t_starts,
    const wp::array_t<float>& t_ends, const wp::array_t<int>& ray_indices, const wp::array_t<wp::vec2i>& packed_info) {
    const Steps steps{step_size, cone_angle};
    const int n = counts.data[i], first = ends.data[i] - n;
    packed_info.data[i] = wp::vec2i(first, n);
    for (int j = 0; j < n; ++j) {
        const float t = starts.data[(size_t)i * limit + j];
        t_starts.data[first + j] = t;
        t_ends.data[first + j] = t + steps.at(t);
        ray_indices.data[first + j] = rays.data[i];
    }
}

}  // namespace firstlight
