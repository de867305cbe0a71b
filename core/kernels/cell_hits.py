"""The grid's cells as rays see them: the first one of a set, drawn as a solid, or those that a plane cuts."""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.config.march import MarchSettings
from core.geometry.rays import Rays
from core.kernels.grid import (
    FLOAT_SPACING,
    Grid,
    GridState,
    cell_at,
    cell_corner,
    clearance_of,
    exit_distance,
    flat_index,
    inverse,
    level_of,
)
from core.kernels.march_start import intersect_box
from core.kernels.runtime.launch import launch

_FLOAT_SPACING = wp.constant(FLOAT_SPACING)


class CellHits(NamedTuple):
    """Where rays meet cells.

    Attributes:
        t: (n_rays,) float32, inf where a ray meets none.
        axes: (n_rays,) int32, the axis that the face or plane stands across, 0 to 2 for x, y, z; -1 where none is met.
        edge: (n_rays,) float32, distance to the nearest edge of the face in cell sides, 0 to 0.5.
        levels: (n_rays,) int32, the cell's level.
        cells: (n_rays,) int32, the cell's place in the grid's flattened [level, x, y, z]; -1 where none is met.
    """

    t: Tensor
    axes: Tensor
    edge: Tensor
    levels: Tensor
    cells: Tensor


@wp.func
def edge_distances(
    grid: Grid, cell: wp.vec3i, level: wp.int32, low: wp.vec3f, high: wp.vec3f, at: wp.vec3f
) -> wp.vec3f:
    """Distances, in cell sides, from a point to the nearer side of the part of its cell inside a box, per axis."""
    first = cell_corner(grid, cell, level)
    last = cell_corner(grid, cell + wp.vec3i(1, 1, 1), level)
    distances = wp.vec3f(0.0, 0.0, 0.0)
    for axis in range(3):
        below = at[axis] - wp.max(first[axis], low[axis])
        above = wp.min(last[axis], high[axis]) - at[axis]
        distances[axis] = wp.min(wp.abs(below), wp.abs(above)) / (last[axis] - first[axis])
    return distances


@wp.kernel
def _first_cells(
    offset: wp.int32,
    grid: Grid,
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
    t_mins: wp.array(dtype=wp.float32),
    t_maxs: wp.array(dtype=wp.float32),
    near_plane: wp.float32,
    low: wp.vec3f,
    high: wp.vec3f,
    wanted_level: wp.int32,
    nudge: wp.float32,
    hits: wp.array(dtype=wp.float32),
    axes: wp.array(dtype=wp.int32),
    edges: wp.array(dtype=wp.float32),
    levels: wp.array(dtype=wp.int32),
    cells: wp.array(dtype=wp.int32),
):
    ray = wp.tid() + offset
    origin = rays_o[ray]
    direction = rays_d[ray]
    inverse_direction = inverse(direction)
    t = t_mins[ray]
    entered = t > near_plane  # a camera, or its near plane, inside an occupied cell looks out of it
    found = wp.int32(0)
    while found == 0 and t < t_maxs[ray]:
        # a face belongs to two cells: look behind it, and from far away at least as far as float32 can tell
        inside = t + wp.max(nudge, 2.0 * _FLOAT_SPACING * t)
        position = origin + direction * inside
        level = level_of(grid, position)
        cell = cell_at(grid, position, level)
        clearance = clearance_of(grid, cell, level)
        occupied = clearance == 0
        if entered and occupied and (wanted_level < 0 or wanted_level == level):
            found = 1
            off = edge_distances(grid, cell, level, low, high, origin + direction * t)
            if off[0] <= off[1] and off[0] <= off[2]:
                axes[ray] = 0
                edges[ray] = wp.min(off[1], off[2])
            elif off[1] <= off[2]:
                axes[ray] = 1
                edges[ray] = wp.min(off[0], off[2])
            else:
                axes[ray] = 2
                edges[ray] = wp.min(off[0], off[1])
            hits[ray] = t
            levels[ray] = level
            cells[ray] = flat_index(grid, cell, level)
        else:
            entered = entered or not occupied
            left = exit_distance(grid, cell, wp.max(clearance, 1), level, origin, direction, inverse_direction, inside)
            t = wp.max(left, inside)


@wp.kernel
def _cells_on_plane(
    offset: wp.int32,
    grid: Grid,
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
    near_plane: wp.float32,
    far_plane: wp.float32,
    low: wp.vec3f,
    high: wp.vec3f,
    axis: wp.int32,
    place: wp.float32,
    wanted_level: wp.int32,
    hits: wp.array(dtype=wp.float32),
    axes: wp.array(dtype=wp.int32),
    edges: wp.array(dtype=wp.float32),
    levels: wp.array(dtype=wp.int32),
    cells: wp.array(dtype=wp.int32),
):
    ray = wp.tid() + offset
    direction = rays_d[ray]
    t = (place - rays_o[ray][axis]) * inverse(direction)[axis]
    if t > near_plane and t < far_plane:
        position = rays_o[ray] + direction * t
        position[axis] = place
        inside = position[0] >= low[0] and position[1] >= low[1] and position[2] >= low[2]
        inside = inside and position[0] <= high[0] and position[1] <= high[1] and position[2] <= high[2]
        level = level_of(grid, position)
        if inside and (wanted_level < 0 or wanted_level == level):
            cell = cell_at(grid, position, level)
            off = edge_distances(grid, cell, level, low, high, position)
            off[axis] = 0.5
            hits[ray] = t
            axes[ray] = axis
            edges[ray] = wp.min(off[0], wp.min(off[1], off[2]))
            levels[ray] = level
            cells[ray] = flat_index(grid, cell, level)


def first_cells(grid: GridState, rays: Rays, settings: MarchSettings, level: int = -1) -> CellHits:
    """The first occupied cell on each ray that the camera isn't in.

    Args:
        settings: cells count from the near to the far plane and inside the crop box, which cuts through them.
        level: only cells of this level where they are the finest; -1 for all levels.
    """
    box = grid.marched_box(settings.crop)
    t_mins, t_maxs = intersect_box(rays, box, settings.near_plane, settings.far_plane)
    sides = [(b - a) / n for a, b, n in zip(grid.box[:3], grid.box[3:], grid.binaries.shape[1:], strict=True)]
    hits = _no_hits(rays)
    bounds = [settings.near_plane, wp.vec3f(*box[:3]), wp.vec3f(*box[3:])]
    launch(
        _first_cells,
        (hits.t.shape[0],),
        [grid.struct, *rays[:2], t_mins, t_maxs, *bounds, level, 1e-3 * min(sides), *hits],
        grain=1 << 10,
    )
    return hits


def cells_on_plane(
    grid: GridState, rays: Rays, settings: MarchSettings, axis: int, share: float, level: int = -1
) -> CellHits:
    """The cell, occupied or not, that each ray meets on a plane across the grid.

    Args:
        settings: the plane is seen from the near to the far plane and inside the crop box.
        axis: the plane's normal, 0 to 2 for x, y, z.
        share: where the plane lies, from 0 at the low to 1 at the high side of the coarsest level's box.
        level: only cells of this level where they are the finest; -1 for all levels.
    """
    outer, box = grid.outer_box(), grid.marched_box(settings.crop)
    place = min(outer[axis] + share * (outer[axis + 3] - outer[axis]), outer[axis + 3])
    hits = _no_hits(rays)
    bounds = [settings.near_plane, settings.far_plane, wp.vec3f(*box[:3]), wp.vec3f(*box[3:])]
    launch(_cells_on_plane, (hits.t.shape[0],), [grid.struct, *rays[:2], *bounds, axis, place, level, *hits])
    return hits


def _no_hits(rays: Rays) -> CellHits:
    n_rays, device = rays.rays_o.shape[0], rays.rays_o.device
    none = torch.full((2, n_rays), -1, dtype=torch.int32, device=device)
    return CellHits(
        t=torch.full((n_rays,), torch.inf, device=device),
        axes=none[0],
        edge=torch.zeros(n_rays, device=device),
        levels=torch.zeros(n_rays, dtype=torch.int32, device=device),
        cells=none[1],
    )
