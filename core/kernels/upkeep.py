"""Upkeep of occupancy values: where cells are looked at, the largest density seen in each, and its folding in."""

import torch
import warp as wp
from torch import Tensor

from core.kernels.grid import Grid
from core.kernels.lanes import LANES_CODE
from core.kernels.march_code import CELLS_CODE
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.native import native_kernel

UNSEEN = -1.0
"""In place of a cell's largest value: it was not looked at."""

_RUN = 256
"""Positions that a thread of the CPU takes one after the other."""

# Densities are not negative, so they are in the order of their bits read as integers. The largest of some values is
# the same whatever order threads come in.
OBSERVE_CODE = """
    const float* xyz = reinterpret_cast<const float*>(positions.data);
    for (int i = first; i < last; i += LANES) {
        Row position[3];
        for (int j = 0; j < LANES; ++j)
            for (int axis = 0; axis < 3; ++axis)
                lane(position[axis], j) = xyz[3 * (i + j < last ? i + j : i) + axis];
        const Cells at = cells_at(position);
        for (int j = 0; j < LANES && i + j < last; ++j) {
            const float value = sigmas.data[i + j] * step_size;
            int* largest = reinterpret_cast<int*>(seen.data) + at.index[j];
            if (value > seen.data[at.index[j]]) {
#ifdef __CUDA_ARCH__
                atomicMax(largest, __float_as_int(value));
#else
                int bits;
                __builtin_memcpy(&bits, &value, sizeof bits);
                __atomic_fetch_max(largest, bits, __ATOMIC_RELAXED);
#endif
            }
        }
    }
"""


@native_kernel(LANES_CODE + CELLS_CODE + OBSERVE_CODE, run_over="positions")
def _observe(
    first: wp.int32,
    last: wp.int32,
    grid: Grid,
    positions: wp.array(dtype=wp.vec3f),
    sigmas: wp.array(dtype=wp.float32),
    step_size: wp.float32,
    seen: wp.array(dtype=wp.float32),
): ...


def observe(grid: Grid, seen: Tensor, positions: Tensor, sigmas: Tensor, step_size: float) -> None:
    """Keep the largest density * step_size of positions in each cell.

    Args:
        grid: where its cells lie, see `geometry`.
        seen: (n_levels, nx, ny, nz) float32, updated.
        positions: (n, 3) float32; outside the grid, the cell at its edge.
        sigmas: (n,) float32; what is not a number is passed over.
    """
    inputs = [grid, positions.contiguous(), sigmas.contiguous(), step_size, seen.view(-1)]
    launch_runs(_observe, (positions.shape[0],), _RUN, inputs, grain=16)


_FOLD = """
    for (int i = first; i < last; ++i) {
        const float value = seen.data[i], before = occs.data[i], decayed = before * decay;
        const bool is_new = !(value <= UNSEEN) && before >= 0.0f;
        const float occ = is_new ? (decayed > value ? decayed : value) : before;  // no number stays none
        const bool occupied = occ_thre > 0.0f ? occ > occ_thre : occ >= 0.0f;
        seen.data[i] = UNSEEN;
        occs.data[i] = occ;
        changed.data[i] = (signed char)occupied - (signed char)binaries.data[i];
        binaries.data[i] = occupied;
    }
""".replace("UNSEEN", f"{UNSEEN}f")


@native_kernel(_FOLD, run_over="seen")
def _fold(
    first: wp.int32,
    last: wp.int32,
    decay: wp.float32,
    occ_thre: wp.float32,
    seen: wp.array(dtype=wp.float32),
    occs: wp.array(dtype=wp.float32),
    binaries: wp.array(dtype=wp.bool),
    changed: wp.array(dtype=wp.int8),
): ...


def fold(seen: Tensor, decay: float, occs: Tensor, occ_thre: float, binaries: Tensor, changed: Tensor) -> None:
    """Make each cell that was looked at the larger of its decayed value and what was seen; forget what was seen.

    Args:
        seen, occs: (n_levels, nx, ny, nz) float32, updated. A cell below 0 holds nothing for certain and stays so; what
            is not a number makes its cell none.
        occ_thre: cells above it are occupied; at 0, all that may hold something.
        binaries: bool, whether a cell is occupied, as it was and then as it is.
        changed: int8, overwritten: +1 where a cell became occupied, -1 where one became empty.
    """
    cells = [x.view(-1) for x in (seen, occs, binaries, changed)]
    launch_runs(_fold, (seen.numel(),), 16 * _RUN, [decay, occ_thre, *cells], grain=16)
    # torch doesn't see a kernel write, and grids are kept by version
    torch.autograd.graph.increment_version([occs, binaries, changed])


_POINTS_IN = """
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
"""


@native_kernel(_POINTS_IN, run_over="cells")
def _points_in(
    first: wp.int32,
    last: wp.int32,
    grid: Grid,
    cells: wp.array(dtype=wp.int64),
    shares: wp.array(dtype=wp.float32),
    points: wp.array(dtype=wp.float32),
): ...


def points_in(grid: Grid, cells: Tensor, shares: Tensor) -> Tensor:
    """A point in each of some cells.

    Args:
        grid: where its cells lie, see `geometry`.
        cells: (n,) int64, places in the flattened [level, x, y, z].
        shares: (n, 3) float32 in [0, 1), where in its cell each point lies.

    Returns:
        (n, 3) float32, in scene units.
    """
    points = torch.empty_like(shares)
    launch_runs(_points_in, (cells.shape[0],), _RUN, [grid, cells, shares.view(-1), points.view(-1)], grain=16)
    return points
