"""Updates occupancy values: chooses points in cells, keeps the largest density seen in each, and folds these in."""

import torch
from torch import Tensor

from core.kernels.grid import Grid
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch_runs
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Bools, Float, Floats, Int, LongInts, SignedBytes, Vec3s

UNSEEN = -1.0
"""Stands for a cell's largest value if the cell wasn't evaluated."""

_RUN = 256
"""Positions in a run: a thread of the CPU takes them one after the other."""


@cpp_kernel("upkeep.h", "observe_cells", run_over="positions")
def _observe(first: Int, last: Int, grid: Grid, positions: Vec3s, sigmas: Floats, step_size: Float, seen: Floats): ...


@replaceable("observe")
def observe(grid: Grid, seen: Tensor, positions: Tensor, sigmas: Tensor, step_size: float) -> None:
    """Keep the largest density * step_size in each cell.

    Args:
        grid: where its cells lie, see `geometry`.
        seen: (n_levels, nx, ny, nz) float32, updated.
        positions: (n, 3) float32; those outside the grid count for the nearest cell.
        sigmas: (n,) float32; NaN is ignored.
    """
    inputs = [grid, positions.contiguous(), sigmas.contiguous(), step_size, seen.view(-1)]
    launch_runs(_observe, (positions.shape[0],), _RUN, inputs, grain=16)


@cpp_kernel("upkeep.h", "fold", run_over="seen")
def _fold(
    first: Int,
    last: Int,
    decay: Float,
    occ_thre: Float,
    seen: Floats,
    occs: Floats,
    binaries: Bools,
    changed: SignedBytes,
): ...


@replaceable("fold")
def fold(seen: Tensor, decay: float, occs: Tensor, occ_thre: float, binaries: Tensor, changed: Tensor) -> None:
    """Set each cell that was evaluated to the larger of its decayed value and the largest one seen, and clear `seen`.

    Args:
        seen, occs: (n_levels, nx, ny, nz) float32, updated. A cell below 0 is empty for good and stays so; NaN in
            `seen` makes its cell NaN.
        occ_thre: cells above it are occupied; at 0, all that may hold something.
        binaries: bool, whether a cell is occupied, updated.
        changed: int8, overwritten: +1 where a cell became occupied, -1 where one became empty.
    """
    cells = [x.view(-1) for x in (seen, occs, binaries, changed)]
    launch_runs(_fold, (seen.numel(),), 16 * _RUN, [decay, occ_thre, *cells], grain=16)
    # torch doesn't see a kernel write, and grids are kept by version
    torch.autograd.graph.increment_version([occs, binaries, changed])


@cpp_kernel("upkeep.h", "points_in", run_over="cells")
def _points_in(first: Int, last: Int, grid: Grid, cells: LongInts, shares: Floats, points: Floats): ...


@replaceable("points_in")
def points_in(grid: Grid, cells: Tensor, shares: Tensor) -> Tensor:
    """One point in each of some cells.

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
