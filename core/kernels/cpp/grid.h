// Nested occupancy grids: levels, cells, and where rays leave the empty cells around them.
//
// Level l covers the base box scaled by 2^l about its centre. A position belongs to the finest level that contains it.
// `Number` is a float, or a Row for positions or rays side by side.
#pragma once

#include "lanes.h"

namespace firstlight {

constexpr float FAR_AWAY = 1e30f;   // t of what is never reached; `core.kernels.grid.FAR_AWAY`
constexpr float PARALLEL = 1e-12f;  // a direction whose component is smaller never reaches planes of that axis

struct GridView {
    wp::vec3 center, half;  // of the base level's box
    wp::vec3 cell_size, cells_per_unit;
    int n_levels;
    wp::vec3i shape;
    const unsigned char* clearances;  // [level, x, y, z], see `core.kernels.clearance`; 0: occupied
};

// The view of a `core.kernels.grid.Grid`, a struct that Warp generates behind the headers.
template <class Grid>
KERNEL_FN GridView view_of(const Grid& grid) {
    return {grid.center,   grid.half,  grid.cell_size,      grid.cells_per_unit,
            grid.n_levels, grid.shape, grid.clearances.data};
}

template <class Number>
struct Cells {
    typedef IntegersOf<Number> Integer;
    Integer level, cell[3];
    Number low[3], scale;  // of the level's box: its low corner, and its size in base boxes
    Integer index;         // in the flattened [level, x, y, z]
};

// The cells at positions, of the finest level that contains each. Outside all levels it is the coarsest one's nearest
// cell.
template <class Number>
WIDE_FN Cells<Number> cells_at(const GridView& grid, const Number* position) {
    typedef IntegersOf<Number> Integer;
    // for a single position, the CPU predicts where the loop over levels ends, and needn't wait for that
    constexpr bool IS_ONE_ON_CPU = LANES > 1 && sizeof(Number) == sizeof(float);
    const Number zeros = {};
    Cells<Number> at;
    at.level = Integer{};
    at.scale = zeros + 1.0f;
    if (grid.n_levels > 1) {
        Number reach = zeros;
        for (int axis = 0; axis < 3; ++axis) {
            const Number off = position[axis] - grid.center[axis];
            const Number share = (off < zeros ? -off : off) / grid.half[axis];
            reach = share > reach ? share : reach;
        }
        for (int k = 0; k + 1 < grid.n_levels; ++k) {
            const auto beyond = reach > zeros + (float)(1 << k);
            if (IS_ONE_ON_CPU && !any(beyond)) break;
            at.level = beyond ? at.level + 1 : at.level;
            at.scale = beyond ? zeros + (float)(2 << k) : at.scale;
        }
    }
    for (int axis = 0; axis < 3; ++axis) {
        at.low[axis] = grid.center[axis] - grid.half[axis] * at.scale;
        const Number place = (position[axis] - at.low[axis]) * grid.cells_per_unit[axis] / at.scale;
        // to_int truncates, which is floor wherever it isn't clamped
        const Integer rounded = to_int(place), highest = Integer{} + (grid.shape[axis] - 1);
        at.cell[axis] = rounded < Integer{} ? Integer{} : rounded;
        at.cell[axis] = at.cell[axis] > highest ? highest : at.cell[axis];
    }
    const int nx = grid.shape[0], ny = grid.shape[1], nz = grid.shape[2];
    at.index = ((at.level * nx + at.cell[0]) * ny + at.cell[1]) * nz + at.cell[2];
    return at;
}

// 1 / direction; FAR_AWAY for a ray along the planes, which it never reaches.
KERNEL_FN float inverse_of(float direction) {
    return direction > PARALLEL || direction < -PARALLEL ? 1.0f / direction : FAR_AWAY;
}

// Where rays at `t` leave the cube of cells that are less than `reach` cells away from their own, or enter the next
// finer level's box if that comes first.
template <class Number>
WIDE_FN Number exit_of(
    const GridView& grid, const Cells<Number>& at, const IntegersOf<Number> reach, const Number* origin,
    const Number* direction, const Number* inverse_direction, const Number t) {
    typedef IntegersOf<Number> Integer;
    const Number zeros = {}, never = zeros + FAR_AWAY;
    Number left = never;
    for (int axis = 0; axis < 3; ++axis) {
        const Integer far = at.cell[axis] + reach, near = at.cell[axis] - reach + 1;
        const Integer side = Integer{} + grid.shape[axis];
        const Integer up = far < side ? far : side, down = near > Integer{} ? near : Integer{};
        const Number face = direction[axis] > zeros ? to_float(up) : to_float(down);
        const Number distance =
            (at.low[axis] + face * grid.cell_size[axis] * at.scale - origin[axis]) * inverse_direction[axis];
        const Number reached = inverse_direction[axis] == never ? never : distance;
        left = reached < left ? reached : left;
    }
    if (any(at.level > Integer{})) {
        Number enter = -never, leave = never;
        for (int axis = 0; axis < 3; ++axis) {
            const Number inner = grid.center[axis] - 0.5f * grid.half[axis] * at.scale;
            const Number outer = 2.0f * grid.center[axis] - inner, o = origin[axis], d = direction[axis];
            const Number a = (inner - o) / d, b = (outer - o) / d;
            Number from = a < b ? a : b, to = a < b ? b : a;
            from = inverse_direction[axis] == never ? (o >= inner ? -never : never) : from;
            from = inverse_direction[axis] == never ? (o <= outer ? from : never) : from;
            to = inverse_direction[axis] == never ? never : to;
            enter = from > enter ? from : enter;
            leave = to < leave ? to : leave;
        }
        const Number inside = enter < leave ? enter : never;
        const Number ahead = inside > t ? inside : never;
        left = at.level > Integer{} ? (ahead < left ? ahead : left) : left;
    }
    return left;
}

}  // namespace firstlight
