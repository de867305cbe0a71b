"""Grid cells as rays see them: the first occupied one on each ray, drawn as a solid, or the one it meets on a plane."""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.config.march import MarchSettings
from core.geometry.rays import Rays
from core.kernels.grid import Grid, GridState
from core.kernels.march_start import intersect_box
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch
from core.kernels.runtime.replaceable import replaceable
from core.kernels.runtime.types import Float, Floats, Int, Ints, Vec3, Vec3s


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


@cpp_kernel("cell_hits.h", "first_cell")
def _first_cell(
    ray: Int,
    grid: Grid,
    rays_o: Vec3s,
    rays_d: Vec3s,
    t_mins: Floats,
    t_maxs: Floats,
    near_plane: Float,
    low: Vec3,
    high: Vec3,
    wanted_level: Int,
    nudge: Float,
    hits: Floats,
    axes: Ints,
    edges: Floats,
    levels: Ints,
    cells: Ints,
): ...


@cpp_kernel("cell_hits.h", "cell_on_plane")
def _cell_on_plane(
    ray: Int,
    grid: Grid,
    rays_o: Vec3s,
    rays_d: Vec3s,
    near_plane: Float,
    far_plane: Float,
    low: Vec3,
    high: Vec3,
    axis: Int,
    place: Float,
    wanted_level: Int,
    hits: Floats,
    axes: Ints,
    edges: Floats,
    levels: Ints,
    cells: Ints,
): ...


@replaceable("first_cells")
def first_cells(grid: GridState, rays: Rays, settings: MarchSettings, level: int = -1) -> CellHits:
    """The first occupied cell on each ray, apart from those that the camera is in.

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
        _first_cell,
        (hits.t.shape[0],),
        [grid.struct, *(x.contiguous() for x in rays[:2]), t_mins, t_maxs, *bounds, level, 1e-3 * min(sides), *hits],
        grain=1 << 10,
    )
    return hits


@replaceable("cells_on_plane")
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
    launch(
        _cell_on_plane,
        (hits.t.shape[0],),
        [grid.struct, *(x.contiguous() for x in rays[:2]), *bounds, axis, place, level, *hits],
    )
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
