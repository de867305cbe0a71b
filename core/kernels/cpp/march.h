// Marching rays through an occupancy grid: on the CPU sixteen rays side by side, on CUDA one.
//
// A ray's way from cell to cell is one chain, each link of which waits for the one before: side by side, sixteen rays
// take little longer than one. A lane whose ray is done goes on with the next ray at once.
#pragma once

#include "grid.h"
#include "intervals.h"

namespace firstlight {

// All rays of a march.
struct MarchedRays {
    const float *origins, *directions;  // [ray, axis]
    const float* t_maxs;                // where each ray ends
    float* t_nexts;                     // where it goes on; FAR_AWAY where it is done
};

// One round of a march: some rays, each of which takes `limit` samples at most.
struct MarchRound {
    const int* rays;  // their indices; a ray's place among them is its slot
    int limit;
    float* starts;  // [slot, sample], where samples begin
    int* counts;    // [slot]

    KERNEL_FN void finish(const MarchedRays& all, int slot, int n_found, float t, bool goes_on) const {
        counts[slot] = n_found;
        all.t_nexts[rays[slot]] = goes_on ? t : FAR_AWAY;
    }
};

// The rays that are on their way, one a lane.
struct MarchLanes {
    Row origin[3] = {}, direction[3] = {}, inverse_direction[3] = {}, t = {}, t_max = {};
    Whole n = {}, busy = {};  // samples found; -1 in lanes that have a ray
    int slots[LANES] = {}, next, last, n_busy = 0;

    // Gives a lane the next ray whose way isn't done yet, if there is one.
    KERNEL_FN bool take_next(int j, const MarchRound& round, const MarchedRays& all, Steps steps) {
        for (; next < last; ++next) {
            const int ray = round.rays[next];
            const float from = all.t_nexts[ray];
            if (from + 0.5f * steps.at(from) < all.t_maxs[ray]) {
                for (int axis = 0; axis < 3; ++axis) {
                    const float d = all.directions[3 * ray + axis];
                    lane(origin[axis], j) = all.origins[3 * ray + axis];
                    lane(direction[axis], j) = d;
                    lane(inverse_direction[axis], j) = inverse_of(d);
                }
                lane(t, j) = from;
                lane(t_max, j) = all.t_maxs[ray];
                number(n, j) = 0;
                slots[j] = next++;
                return true;
            }
            round.finish(all, next, 0, from, false);
        }
        return false;
    }
};

// Marches the rays `round.rays[first]` to `round.rays[last - 1]`.
WIDE_FN void
march(int first, int last, const MarchRound& round, const MarchedRays& all, const GridView& grid, Steps steps) {
    const Row zeros = {}, never = zeros + FAR_AWAY;
    MarchLanes on;
    on.next = first;
    on.last = last;
    for (int j = 0; j < LANES; ++j)
        if (on.take_next(j, round, all, steps)) {
            number(on.busy, j) = -1;
            ++on.n_busy;
        }
    while (on.n_busy > 0) {
        const Row step = steps.at(on.t), middle = on.t + 0.5f * step;
        Row position[3];
        for (int axis = 0; axis < 3; ++axis) position[axis] = on.origin[axis] + on.direction[axis] * middle;
        const Cells<Row> at = cells_at(grid, position);
        Whole clearance = {};
        for (int j = 0; j < LANES; ++j) number(clearance, j) = grid.clearances[number(at.index, j)];
        Row after = on.t + step;
        for (int j = 0; j < LANES; ++j)
            if (number(on.busy, j) && number(clearance, j) == 0)
                round.starts[(size_t)on.slots[j] * round.limit + number(on.n, j)++] = lane(on.t, j);
        if (any(on.busy & (clearance > Whole{}))) {
            const Row left = exit_of(grid, at, clearance, on.origin, on.direction, on.inverse_direction, middle);
            Row target = clearance > Whole{} ? left : -never;  // no lane leaps from an occupied cell
            target = on.busy < Whole{} ? target : -never;
            skip_to(steps, after, target);
        }
        on.t = after;
        const Row following = on.t + 0.5f * steps.at(on.t);
        if (any(on.busy & ((following >= on.t_max) | (on.n >= Whole{} + round.limit))))
            for (int j = 0; j < LANES; ++j) {
                const bool goes_on = lane(following, j) < lane(on.t_max, j);
                if (!number(on.busy, j) || (goes_on && number(on.n, j) < round.limit)) continue;
                round.finish(all, on.slots[j], number(on.n, j), lane(on.t, j), goes_on);
                if (!on.take_next(j, round, all, steps)) {
                    number(on.busy, j) = 0;
                    --on.n_busy;
                }
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

// Kernel: packs what the i-th ray of a round found, behind what the rays before it found.
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
