// nerfacc's walk through occupancy grids in any boxes, one thread for each ray (NerfAcc, Li et al. 2023).
//
// A ray's crossings with the boxes are sorted. Between two of them it is in the box that it entered last or, after it
// has left one, in the box that it leaves next; there it goes through the grid's cells one after the other. Its steps
// begin at its near plane, whatever it crosses, and a step is a sample if its middle is in an occupied cell. Without a
// step size each occupied cell is one sample.
#pragma once

#include "lanes.h"

namespace firstlight {

constexpr float MOST_STEPS = 1e12f;  // beyond the planes and boxes of any scene

struct WalkedGrids {
    const bool* binaries;  // [grid, x, y, z]
    const float* boxes;    // [grid, x0 y0 z0 x1 y1 z1]
    int n_grids, sides[3];
};

// Where the steps of a ray begin and end. Equal steps are counted, which makes any of them available at once; growing
// ones are added up.
struct WalkSteps {
    float near_plane, size, cone_angle;
    float t = 0.0f;        // the start of the next step
    long long number = 0;  // of equal steps before it

    KERNEL_FN bool are_cells() const { return size <= 0.0f; }
    KERNEL_FN bool grow() const { return cone_angle > 0.0f && !are_cells(); }
    KERNEL_FN float length() const { return wp::max(t * cone_angle, size); }

    KERNEL_FN void move_to(long long step) {
        number = step;
        t = near_plane + (float)step * size;
    }

    // The number of the first equal step whose middle is not before `end`.
    KERNEL_FN long long first_from(float end) const {
        const float steps = ceilf((end - near_plane) / size - 0.5f);
        return steps > MOST_STEPS ? (long long)MOST_STEPS : (long long)steps;
    }

    // Skips all steps whose middles are before `end`. Those that grow keep their length on the way, as nerfacc's do.
    KERNEL_FN void skip_to(float end) {
        if (are_cells()) {
            t = end;
        } else if (!grow()) {
            const long long step = first_from(end);
            if (step > number) move_to(step);
        } else {
            const float step = length();
            while (t + 0.5f * step < end && t + step > t) t += step;
        }
    }
};

// What a walk finds: only counted if there are no arrays.
struct WalkOutput {
    float *edges, *middles;  // of the ray's first interval and sample; null: not wanted, or only counted
    wp::int64 *edge_rays, *middle_rays;
    bool *is_left, *is_right, *is_valid;
    int ray;
    long long n_edges = 0, n_samples = 0;

    KERNEL_FN void put_edge(float t, bool left, bool right) {
        if (edges) {
            edges[n_edges] = t;
            edge_rays[n_edges] = ray;
            is_left[n_edges] = left;
            is_right[n_edges] = right;
        }
        ++n_edges;
    }

    // A sample from `from` to `to`, which adjoins the one before if `continues`.
    KERNEL_FN void put(float from, float to, bool continues) {
        if (!continues)
            put_edge(from, true, false);
        else if (edges)
            is_left[n_edges - 1] = true;
        put_edge(to, false, true);
        if (middles) {
            middles[n_samples] = 0.5f * (from + to);
            middle_rays[n_samples] = ray;
            is_valid[n_samples] = true;
        }
        ++n_samples;
    }

    // Takes the steps whose middles are before the end of an occupied cell; false once there are `limit` samples (0: no
    // limit).
    KERNEL_FN bool take(WalkSteps& steps, float end, int limit, bool& continues) {
        const bool grow = steps.grow(), are_cells = steps.are_cells();
        const long long last = grow || are_cells ? 0 : steps.first_from(end);
        while (true) {
            const float from = steps.t, length = grow ? steps.length() : 0.0f;
            if (are_cells ? from >= end : grow ? from + 0.5f * length >= end : steps.number >= last) return true;
            if (are_cells)
                steps.t = end;
            else if (grow)
                steps.t = from + length;
            else
                steps.move_to(steps.number + 1);
            if (!(steps.t > from)) return false;  // float32 can't tell the step's ends apart, or t is NaN
            put(from, steps.t, continues);
            continues = true;
            if (limit > 0 && n_samples >= limit) return false;
        }
    }
};

// A ray on its way through the cells of one grid.
struct CellWalk {
    const bool* occupied;  // the ray's cell
    int sides[3], cell[3], strides[3];
    float first_face[3], between[3];  // t of each axis' lowest face, and from one face to the next
    float reached[3];                 // where the ray leaves its cell along each axis

    KERNEL_FN CellWalk(const WalkedGrids& grids, int grid, const wp::vec3& o, const wp::vec3& d, float from, float to) {
        const float* box = grids.boxes + 6 * (size_t)grid;
        // a little way inside, or rounding may take the cell before a face
        const float inside = from + wp::min(1e-6f * wp::max(1.0f, fabsf(from)), 0.5f * (to - from));
        const size_t n_cells = (size_t)grids.sides[0] * grids.sides[1] * grids.sides[2];
        size_t at = grid * n_cells;
        int stride = 1;
        for (int axis = 2; axis >= 0; --axis) {
            sides[axis] = grids.sides[axis];
            const float side = (box[3 + axis] - box[axis]) / (float)sides[axis];
            const int place = (int)floorf((o[axis] + inside * d[axis] - box[axis]) / side);
            cell[axis] = place < 0 ? 0 : place >= sides[axis] ? sides[axis] - 1 : place;
            at += (size_t)cell[axis] * stride;
            first_face[axis] = d[axis] == 0.0f ? INFINITY : (box[axis] - o[axis]) / d[axis];
            between[axis] = d[axis] == 0.0f ? 0.0f : side / d[axis];
            strides[axis] = d[axis] > 0.0f ? stride : -stride;
            reach(axis);
            stride *= sides[axis];
        }
        occupied = grids.binaries + at;
    }

    // From the cell's number: added up, distances would drift.
    KERNEL_FN void reach(int axis) {
        reached[axis] = first_face[axis] + (float)(cell[axis] + (strides[axis] > 0)) * between[axis];
    }

    KERNEL_FN float next_face() const { return wp::min(reached[0], wp::min(reached[1], reached[2])); }

    // Goes on to the next cell; false if there is none.
    KERNEL_FN bool go_on() {
        if (reached[0] < reached[1] && reached[0] < reached[2]) return cross<0>();
        return reached[1] < reached[2] ? cross<1>() : cross<2>();
    }

    template <int AXIS>
    KERNEL_FN bool cross() {
        cell[AXIS] += strides[AXIS] > 0 ? 1 : -1;
        if (cell[AXIS] < 0 || cell[AXIS] >= sides[AXIS]) return false;
        occupied += strides[AXIS];
        reach(AXIS);
        return true;
    }
};

// Goes through one grid from `from` to `to`; false once the ray has `limit` samples (0: no limit).
KERNEL_FN bool walk_cells(
    const WalkedGrids& grids, int grid, const wp::vec3& o, const wp::vec3& d, float from, float to, int limit,
    WalkSteps& steps, bool& continues, WalkOutput& output) {
    CellWalk walk(grids, grid, o, d, from, to);
    float t = from;
    bool skips = false;  // equal steps through empty cells are skipped together
    do {
        // rounding may put a face before the one that was just crossed
        const float end = wp::min(wp::max(walk.next_face(), t), to);
        if (!*walk.occupied) {
            if (steps.grow()) steps.skip_to(end);
            skips = true;
            continues = false;
        } else {
            if (skips) steps.skip_to(t);
            skips = false;
            if (!output.take(steps, end, limit, continues)) return false;
        }
        t = end;
    } while (t < to && walk.go_on());
    if (skips) steps.skip_to(t);
    return true;
}

// Kernel: counts what a ray finds or, if the arrays have data, writes it from `edge_starts` and `sample_starts` on; and
// where it ended.
KERNEL_FN void walk_grids(
    int ray, const wp::array_t<wp::vec3>& rays_o, const wp::array_t<wp::vec3>& rays_d, const wp::array_t<bool>& mask,
    const wp::array_t<bool>& binaries, const wp::array_t<float>& boxes, const wp::array_t<float>& crossings,
    const wp::array_t<wp::int64>& order, const wp::array_t<bool>& hits, const wp::array_t<float>& near_planes,
    const wp::array_t<float>& far_planes, float step_size, float cone_angle, int limit,
    const wp::array_t<wp::int64>& edge_starts, const wp::array_t<wp::int64>& sample_starts,
    const wp::array_t<float>& edges, const wp::array_t<wp::int64>& edge_rays, const wp::array_t<bool>& is_left,
    const wp::array_t<bool>& is_right, const wp::array_t<float>& middles, const wp::array_t<wp::int64>& middle_rays,
    const wp::array_t<bool>& is_valid, const wp::array_t<wp::int64>& edge_counts,
    const wp::array_t<wp::int64>& sample_counts, const wp::array_t<float>& ends) {
    const WalkedGrids grids = {
        binaries.data, boxes.data, binaries.shape[0], {binaries.shape[1], binaries.shape[2], binaries.shape[3]}};
    WalkOutput output = {};
    output.ray = ray;
    if (edges.data) {
        const long long at = edge_starts.data[ray];
        output.edges = edges.data + at;
        output.edge_rays = edge_rays.data + at;
        output.is_left = is_left.data + at;
        output.is_right = is_right.data + at;
    }
    if (middles.data) {
        const long long at = sample_starts.data[ray];
        output.middles = middles.data + at;
        output.middle_rays = middle_rays.data + at;
        output.is_valid = is_valid.data + at;
    }
    WalkSteps steps = {near_planes.data[ray], step_size, cone_angle};
    steps.t = steps.near_plane;
    bool continues = false;
    const int n = grids.n_grids;
    const float* sorted = crossings.data + 2 * (size_t)n * ray;
    const wp::int64* which = order.data + 2 * (size_t)n * ray;
    const bool* is_hit = hits.data + (size_t)n * ray;
    const bool is_wanted = mask.data[ray];
    for (int k = 0; is_wanted && k + 1 < 2 * n; ++k) {
        int grid = (int)(which[k] % n);
        if (!is_hit[grid]) continue;
        if (which[k] >= n) {                 // it leaves this box
            if (which[k + 1] < n) continue;  // and enters the next one later
            grid = (int)(which[k + 1] % n);
            if (!is_hit[grid]) continue;
        }
        const float from = wp::max(sorted[k], steps.near_plane), to = wp::min(sorted[k + 1], far_planes.data[ray]);
        if (!(from < to)) continue;
        if (!continues) steps.skip_to(from);
        if (!walk_cells(grids, grid, rays_o.data[ray], rays_d.data[ray], from, to, limit, steps, continues, output))
            break;
    }
    edge_counts.data[ray] = output.n_edges;
    sample_counts.data[ray] = output.n_samples;
    ends.data[ray] = steps.t;
}

}  // namespace firstlight
