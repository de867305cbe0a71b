"""Upkeep of occupancy values: the largest density seen in each cell since the last update, and its folding in."""

import torch
import warp as wp
from torch import Tensor

from core.kernels.grid import Grid
from core.kernels.lanes import LANES_CODE
from core.kernels.launch import launch
from core.kernels.march_code import CELLS_CODE
from core.kernels.native import native_kernel

UNSEEN = -1.0
"""In place of a cell's largest value: it was not looked at."""

_UNSEEN = wp.constant(UNSEEN)


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
    run = _RUN if positions.device.type == "cpu" else 1
    inputs = [run, grid, positions.contiguous(), sigmas.contiguous(), step_size, seen.view(-1)]
    launch(_observe, (-(-positions.shape[0] // run),), inputs, grain=16)


@wp.kernel
def _fold(offset: wp.int32, seen: wp.array(dtype=wp.float32), decay: wp.float32, occs: wp.array(dtype=wp.float32)):
    i = wp.tid() + offset
    if seen[i] > _UNSEEN:
        if occs[i] >= 0.0:
            occs[i] = wp.max(occs[i] * decay, seen[i])
        seen[i] = _UNSEEN


def fold(seen: Tensor, decay: float, occs: Tensor) -> None:
    """Make each cell that was looked at the larger of its decayed value and what was seen; forget what was seen.

    Args:
        seen, occs: (n_levels, nx, ny, nz) float32, updated. A cell below 0 holds nothing for certain and stays so.
    """
    launch(_fold, (seen.numel(),), [seen.view(-1), decay, occs.view(-1)], grain=1 << 16)
    torch.autograd.graph.increment_version(occs)  # torch doesn't see a kernel write, and grids are kept by version
