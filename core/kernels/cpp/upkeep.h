// Updates an occupancy grid's values.
#pragma once

#include "device.h"
#include "grid.h"

namespace firstlight {

// Keeps, for each cell, the largest density * step_size of the positions `first` to `last - 1`. Densities are not
// negative, so their bits, read as integers, have the same order. The result doesn't depend on the order of threads.
// NaN is ignored.
WIDE_FN void observe(
    int first, int last, const GridView grid, const float* positions, const float* sigmas, float step_size,
    float* seen) {
    for (int i = first; i < last; i += LANES) {
        Row position[3];
        for (int j = 0; j < LANES; ++j)
            for (int axis = 0; axis < 3; ++axis)
                lane(position[axis], j) = positions[3 * (i + j < last ? i + j : i) + axis];
        const Cells<Row> at = cells_at(grid, position);
        for (int j = 0; j < LANES && i + j < last; ++j) {
            const float value = sigmas[i + j] * step_size;
            const int index = lane(at.index, j);
            if (value > seen[index]) max_atomically(reinterpret_cast<int*>(seen) + index, bits_of(value));
        }
    }
}

// Kernel: `observe`.
template <class Grid>
WIDE_FN void observe_cells(
    int first, int last, const Grid& grid, const wp::array_t<wp::vec3>& positions, const wp::array_t<float>& sigmas,
    float step_size, const wp::array_t<float>& seen) {
    const float* xyz = reinterpret_cast<const float*>(positions.data);
    observe(first, last, view_of(grid), xyz, sigmas.data, step_size, seen.data);
}

constexpr float UNSEEN = -1.0f;  // a cell that wasn't evaluated; `core.kernels.upkeep.UNSEEN`

// Kernel: sets each cell that was evaluated to the larger of its decayed value and the largest one seen.
KERNEL_FN void fold(
    int first, int last, float decay, float occ_thre, const wp::array_t<float>& seen, const wp::array_t<float>& occs,
    const wp::array_t<bool>& binaries, const wp::array_t<wp::int8>& changed) {
    for (int i = first; i < last; ++i) {
        const float value = seen.data[i], before = occs.data[i], decayed = before * decay;
        const bool is_new = !(value <= UNSEEN) && before >= 0.0f;
        const float occ = is_new ? (decayed > value ? decayed : value) : before;  // NaN stays NaN
        const bool occupied = occ_thre > 0.0f ? occ > occ_thre : occ >= 0.0f;
        seen.data[i] = UNSEEN;
        occs.data[i] = occ;
        changed.data[i] = (signed char)occupied - (signed char)binaries.data[i];
        binaries.data[i] = occupied;
    }
}

// Kernel: one point in each of the cells `first` to `last - 1`, at these fractions of its sides.
template <class Grid>
KERNEL_FN void points_in(
    int first, int last, const Grid& grid, const wp::array_t<wp::int64>& cells, const wp::array_t<float>& shares,
    const wp::array_t<float>& points) {
    for (int i = first; i < last; ++i) {
        int left = (int)cells.data[i], cell[3];
        for (int axis = 2; axis >= 0; --axis) {
            cell[axis] = left % grid.shape[axis];
            left /= grid.shape[axis];
        }
        const float scale = (float)(1 << left);
        for (int axis = 0; axis < 3; ++axis) {
            const float place = (float)cell[axis] + shares.data[3 * (size_t)i + axis];
            points.data[3 * (size_t)i + axis] =
                grid.center[axis] - grid.half[axis] * scale + place * grid.cell_size[axis] * scale;
        }
    }
}

}  // namespace firstlight
