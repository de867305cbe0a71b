// Grid cells as rays see them: the first occupied one on a ray, drawn as a solid, or the one it meets on a plane.
#pragma once

#include "grid.h"

namespace firstlight {

constexpr float FLOAT_SPACING = 0x1p-23f;  // `core.kernels.grid.FLOAT_SPACING`

// Outputs: where rays meet cells, see `core.kernels.cell_hits.CellHits`.
struct CellHits {
    float* ts;
    int* axes;
    float* edges;
    int *levels, *cells;

    // `off`: from `edge_distances`; the one along the face's normal, `axis`, doesn't count.
    KERNEL_FN void put(int ray, float t, int axis, const float* off, const Cells<float>& at) const {
        const float a = off[(axis + 1) % 3], b = off[(axis + 2) % 3];
        ts[ray] = t;
        axes[ray] = axis;
        edges[ray] = a < b ? a : b;
        levels[ray] = at.level;
        cells[ray] = at.index;
    }
};

// Distances per axis, in cell sides, from a point to the nearer face of its cell, of which only the part inside the box
// from `low` to `high` counts.
KERNEL_FN void edge_distances(
    const GridView& grid, const Cells<float>& at, const wp::vec3& low, const wp::vec3& high, const float* point,
    float* distances) {
    for (int axis = 0; axis < 3; ++axis) {
        const float first = at.low[axis] + (float)at.cell[axis] * grid.cell_size[axis] * at.scale;
        const float last = at.low[axis] + (float)(at.cell[axis] + 1) * grid.cell_size[axis] * at.scale;
        const float below = fabsf(point[axis] - (first > low[axis] ? first : low[axis]));
        const float above = fabsf((last < high[axis] ? last : high[axis]) - point[axis]);
        distances[axis] = (below < above ? below : above) / (last - first);
    }
}

// Kernel: the first occupied cell on a ray, apart from those that it is in from the near plane on.
template <class Grid>
KERNEL_FN void first_cell(
    int ray, const Grid& cells_of, const wp::array_t<wp::vec3>& rays_o, const wp::array_t<wp::vec3>& rays_d,
    const wp::array_t<float>& t_mins, const wp::array_t<float>& t_maxs, float near_plane, const wp::vec3& low,
    const wp::vec3& high, int wanted_level, float nudge, const wp::array_t<float>& ts, const wp::array_t<int>& axes,
    const wp::array_t<float>& edges, const wp::array_t<int>& levels, const wp::array_t<int>& cells) {
    const GridView grid = view_of(cells_of);
    const CellHits hits{ts.data, axes.data, edges.data, levels.data, cells.data};
    float origin[3], direction[3], inverse_direction[3], point[3], off[3];
    for (int axis = 0; axis < 3; ++axis) {
        origin[axis] = rays_o.data[ray][axis];
        direction[axis] = rays_d.data[ray][axis];
        inverse_direction[axis] = inverse_of(direction[axis]);
    }
    float t = t_mins.data[ray];
    bool entered = t > near_plane;  // a ray that begins inside occupied cells leaves them first
    while (t < t_maxs.data[ray]) {
        // a face belongs to two cells: look behind it, by at least what float32 can resolve at t
        const float spacing = 2.0f * FLOAT_SPACING * t, inside = t + (nudge > spacing ? nudge : spacing);
        for (int axis = 0; axis < 3; ++axis) point[axis] = origin[axis] + direction[axis] * inside;
        const Cells<float> at = cells_at(grid, point);
        const int clearance = grid.clearances[at.index];
        const bool occupied = clearance == 0;
        if (entered && occupied && (wanted_level < 0 || wanted_level == at.level)) {
            for (int axis = 0; axis < 3; ++axis) point[axis] = origin[axis] + direction[axis] * t;
            edge_distances(grid, at, low, high, point, off);
            const int axis = off[0] <= off[1] && off[0] <= off[2] ? 0 : off[1] <= off[2] ? 1 : 2;
            hits.put(ray, t, axis, off, at);
            return;
        }
        entered = entered || !occupied;
        const int reach = clearance > 1 ? clearance : 1;
        const float left = exit_of<float>(grid, at, reach, origin, direction, inverse_direction, inside);
        t = left > inside ? left : inside;
    }
}

// Kernel: the cell, occupied or not, that a ray meets on a plane.
template <class Grid>
KERNEL_FN void cell_on_plane(
    int ray, const Grid& cells_of, const wp::array_t<wp::vec3>& rays_o, const wp::array_t<wp::vec3>& rays_d,
    float near_plane, float far_plane, const wp::vec3& low, const wp::vec3& high, int axis, float place,
    int wanted_level, const wp::array_t<float>& ts, const wp::array_t<int>& axes, const wp::array_t<float>& edges,
    const wp::array_t<int>& levels, const wp::array_t<int>& cells) {
    const GridView grid = view_of(cells_of);
    const CellHits hits{ts.data, axes.data, edges.data, levels.data, cells.data};
    const wp::vec3 origin = rays_o.data[ray], direction = rays_d.data[ray];
    const float t = (place - origin[axis]) * inverse_of(direction[axis]);
    if (!(t > near_plane && t < far_plane)) return;
    float point[3], off[3];
    for (int k = 0; k < 3; ++k) point[k] = k == axis ? place : origin[k] + direction[k] * t;
    for (int k = 0; k < 3; ++k)
        if (!(point[k] >= low[k] && point[k] <= high[k])) return;
    const Cells<float> at = cells_at(grid, point);
    if (wanted_level >= 0 && wanted_level != at.level) return;
    edge_distances(grid, at, low, high, point, off);
    hits.put(ray, t, axis, off, at);
}

}  // namespace firstlight
