"""The first occupied cell on each ray, for drawing the grid as solid cells in the scene."""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.grid import (
    FAR_AWAY,
    Grid,
    GridState,
    cell_at,
    cell_corner,
    exit_distance,
    intersect_box,
    inverse,
    level_of,
)
from core.kernels.launch import launch
from core.rays import Rays


class CellHits(NamedTuple):
    """Where rays meet the outside of occupied cells.

    Attributes:
        t: (n_rays,) float32, inf where a ray meets none.
        normals: (n_rays, 3) float32, of the face that is met; 0 where none is.
        edge: (n_rays,) float32, distance to the face's nearest edge in cell sides, 0 to 0.5.
        levels: (n_rays,) int32, the cell's level.
    """

    t: Tensor
    normals: Tensor
    edge: Tensor
    levels: Tensor


@wp.func
def off_center(x: wp.float32) -> wp.float32:
    """Distance to the nearer end of a cell's side, 0 to 0.5."""
    return wp.min(wp.abs(x), wp.abs(1.0 - x))


@wp.kernel
def _first_cells(
    offset: wp.int32,
    grid: Grid,
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
    t_mins: wp.array(dtype=wp.float32),
    t_maxs: wp.array(dtype=wp.float32),
    wanted_level: wp.int32,
    nudge: wp.float32,
    hits: wp.array(dtype=wp.float32),
    normals: wp.array(dtype=wp.vec3f),
    edges: wp.array(dtype=wp.float32),
    levels: wp.array(dtype=wp.int32),
):
    ray = wp.tid() + offset
    origin = rays_o[ray]
    direction = rays_d[ray]
    inverse_direction = inverse(direction)
    t = t_mins[ray]
    entered = t > 0.0  # a camera inside an occupied cell looks out of it
    found = wp.int32(0)
    while found == 0 and t < t_maxs[ray]:
        inside = t + nudge  # a face belongs to two cells: look behind it
        position = origin + direction * inside
        level = level_of(grid, position)
        cell = cell_at(grid, position, level)
        occupied = grid.binaries[level, cell[0], cell[1], cell[2]] != wp.uint8(0)
        if entered and occupied and (wanted_level < 0 or wanted_level == level):
            found = 1
            low = cell_corner(grid, cell, level)
            size = cell_corner(grid, cell + wp.vec3i(1, 1, 1), level) - low
            at = wp.cw_div(origin + direction * t - low, size)
            x = off_center(at[0])
            y = off_center(at[1])
            z = off_center(at[2])
            normal = wp.vec3f(0.0, 0.0, 0.0)
            if x <= y and x <= z:
                normal[0] = -wp.sign(direction[0])
                edges[ray] = wp.min(y, z)
            elif y <= z:
                normal[1] = -wp.sign(direction[1])
                edges[ray] = wp.min(x, z)
            else:
                normal[2] = -wp.sign(direction[2])
                edges[ray] = wp.min(x, y)
            hits[ray] = t
            normals[ray] = normal
            levels[ray] = level
        else:
            entered = entered or not occupied
            t = wp.max(exit_distance(grid, cell, 1, level, origin, direction, inverse_direction, inside), inside)


def first_cells(grid: GridState, rays: Rays, level: int = -1) -> CellHits:
    """The first occupied cell on each ray that the camera isn't in.

    Args:
        level: only cells of this level where they are the finest; -1 for all levels.
    """
    n_rays, device = rays.rays_o.shape[0], rays.rays_o.device
    t_mins, t_maxs = intersect_box(rays, grid.outer_box(), 0.0, FAR_AWAY)
    sides = [(b - a) / n for a, b, n in zip(grid.box[:3], grid.box[3:], grid.binaries.shape[1:], strict=True)]
    hits = CellHits(
        torch.full((n_rays,), torch.inf, device=device),
        torch.zeros(n_rays, 3, device=device),
        torch.zeros(n_rays, device=device),
        torch.zeros(n_rays, dtype=torch.int32, device=device),
    )
    launch(
        _first_cells,
        (n_rays,),
        [grid.as_struct(), *rays, t_mins, t_maxs, level, 1e-3 * min(sides), *hits],
        grain=1 << 10,
    )
    return hits
