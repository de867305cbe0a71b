"""Marching rays through nested occupancy grids (instant-ngp, appendix E; NerfAcc's multi-level grids).

The law: on a ray, intervals follow each other from the near plane, each `max(step_size, cone_angle * t)` long. An
interval becomes a sample if its midpoint lies in the ray's [t_min, t_max) and in an occupied cell of the finest level
that contains it. All else here is about finding these intervals fast, and about stopping after some and going on.

Level l covers the base box scaled by 2^l about its centre; `binaries[l, x, y, z]` says whether a cell is occupied.
"""

from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.kernels.launch import launch
from core.rays import Rays, Samples

FAR_AWAY = 1e30
_FAR_AWAY = wp.constant(FAR_AWAY)


@wp.func
def axis_range(origin: wp.float32, direction: wp.float32, low: wp.float32, high: wp.float32) -> wp.vec2f:
    """Where a ray lies between two planes; all or nothing along the planes, where 0 * inf would be NaN."""
    if wp.abs(direction) < 1e-12:
        if origin >= low and origin <= high:
            return wp.vec2f(-_FAR_AWAY, _FAR_AWAY)
        return wp.vec2f(_FAR_AWAY, -_FAR_AWAY)
    a = (low - origin) / direction
    b = (high - origin) / direction
    return wp.vec2f(wp.min(a, b), wp.max(a, b))


@wp.func
def box_range(origin: wp.vec3f, direction: wp.vec3f, low: wp.vec3f, high: wp.vec3f) -> wp.vec2f:
    x = axis_range(origin[0], direction[0], low[0], high[0])
    y = axis_range(origin[1], direction[1], low[1], high[1])
    z = axis_range(origin[2], direction[2], low[2], high[2])
    return wp.vec2f(wp.max(x[0], wp.max(y[0], z[0])), wp.min(x[1], wp.min(y[1], z[1])))


@wp.kernel
def _intersect_box(
    offset: wp.int32,
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
    low: wp.vec3f,
    high: wp.vec3f,
    near_plane: wp.float32,
    far_plane: wp.float32,
    t_mins: wp.array(dtype=wp.float32),
    t_maxs: wp.array(dtype=wp.float32),
):
    ray = wp.tid() + offset
    inside = box_range(rays_o[ray], rays_d[ray], low, high)
    t_mins[ray] = wp.max(inside[0], near_plane)
    t_maxs[ray] = wp.min(inside[1], far_plane)


def intersect_box(
    rays: Rays, box: tuple[float, ...], near_plane: float = 0.0, far_plane: float = 1e10
) -> tuple[Tensor, Tensor]:
    """Where rays are inside a box x0 y0 z0 x1 y1 z1 and between the planes.

    Returns:
        t_mins, t_maxs: (n_rays,) float32; a ray with t_mins >= t_maxs misses.
    """
    n_rays = rays.rays_o.shape[0]
    t_mins, t_maxs = torch.empty(2, n_rays, device=rays.rays_o.device)
    corners = [wp.vec3f(*box[:3]), wp.vec3f(*box[3:])]
    launch(_intersect_box, (n_rays,), [rays.rays_o, rays.rays_d, *corners, near_plane, far_plane, t_mins, t_maxs])
    return t_mins, t_maxs


@wp.func
def step_at(t: wp.float32, step_size: wp.float32, cone_angle: wp.float32) -> wp.float32:
    return wp.max(step_size, cone_angle * t)


@wp.func
def skip_to(t: wp.float32, target: wp.float32, step_size: wp.float32, cone_angle: wp.float32) -> wp.float32:
    """The first interval start at or after `t`, in the sequence of intervals, whose midpoint is not before `target`."""
    if cone_angle <= 0.0:
        n = wp.ceil((target - t) / step_size - 0.5)
        return t + wp.max(n, 0.0) * step_size
    while t + 0.5 * step_at(t, step_size, cone_angle) < target:
        t += step_at(t, step_size, cone_angle)
    return t


@wp.struct
class Grid:
    """The base level's box, the number of levels and the cells' occupancy."""

    low: wp.vec3f
    high: wp.vec3f
    n_levels: wp.int32
    binaries: wp.array4d(dtype=wp.uint8)


@wp.func
def level_of(grid: Grid, position: wp.vec3f) -> wp.int32:
    """The finest level whose box contains a position; n_levels if none does."""
    center = 0.5 * (grid.low + grid.high)
    half = 0.5 * (grid.high - grid.low)
    reach = wp.max(
        wp.abs(position[0] - center[0]) / half[0],
        wp.max(wp.abs(position[1] - center[1]) / half[1], wp.abs(position[2] - center[2]) / half[2]),
    )
    level = wp.int32(0)
    while level < grid.n_levels and reach > wp.float32(1 << level):
        level += 1
    return level


@wp.func
def cell_at(grid: Grid, position: wp.vec3f, level: wp.int32) -> wp.vec3i:
    scale = wp.float32(1 << level)
    center = 0.5 * (grid.low + grid.high)
    half = 0.5 * (grid.high - grid.low) * scale
    nx = grid.binaries.shape[1]
    ny = grid.binaries.shape[2]
    nz = grid.binaries.shape[3]
    x = wp.int32(wp.floor((position[0] - center[0] + half[0]) / (2.0 * half[0]) * wp.float32(nx)))
    y = wp.int32(wp.floor((position[1] - center[1] + half[1]) / (2.0 * half[1]) * wp.float32(ny)))
    z = wp.int32(wp.floor((position[2] - center[2] + half[2]) / (2.0 * half[2]) * wp.float32(nz)))
    return wp.vec3i(wp.clamp(x, 0, nx - 1), wp.clamp(y, 0, ny - 1), wp.clamp(z, 0, nz - 1))


@wp.func
def cell_corner(grid: Grid, cell: wp.vec3i, level: wp.int32) -> wp.vec3f:
    scale = wp.float32(1 << level)
    center = 0.5 * (grid.low + grid.high)
    half = 0.5 * (grid.high - grid.low) * scale
    return wp.vec3f(
        center[0] - half[0] + 2.0 * half[0] * wp.float32(cell[0]) / wp.float32(grid.binaries.shape[1]),
        center[1] - half[1] + 2.0 * half[1] * wp.float32(cell[1]) / wp.float32(grid.binaries.shape[2]),
        center[2] - half[2] + 2.0 * half[2] * wp.float32(cell[2]) / wp.float32(grid.binaries.shape[3]),
    )


@wp.func
def exit_distance(grid: Grid, cell: wp.vec3i, level: wp.int32, origin: wp.vec3f, direction: wp.vec3f, t: wp.float32):
    """Where a ray at `t` leaves its cell, or where it enters the next finer level's box if that comes first."""
    low = cell_corner(grid, cell, level)
    high = cell_corner(grid, cell + wp.vec3i(1, 1, 1), level)
    left = box_range(origin, direction, low, high)[1]
    if level > 0:
        scale = wp.float32(1 << (level - 1))
        center = 0.5 * (grid.low + grid.high)
        half = 0.5 * (grid.high - grid.low) * scale
        finer = box_range(origin, direction, center - half, center + half)
        if finer[0] < finer[1] and finer[0] > t:
            left = wp.min(left, finer[0])
    return left


@wp.kernel
def _march(
    offset: wp.int32,
    grid: Grid,
    rays_o: wp.array(dtype=wp.vec3f),
    rays_d: wp.array(dtype=wp.vec3f),
    rays: wp.array(dtype=wp.int32),
    step_size: wp.float32,
    cone_angle: wp.float32,
    t_maxs: wp.array(dtype=wp.float32),
    t_nexts: wp.array(dtype=wp.float32),
    starts: wp.array2d(dtype=wp.float32),
    counts: wp.array(dtype=wp.int32),
):
    i = wp.tid() + offset
    ray = rays[i]
    origin = rays_o[ray]
    direction = rays_d[ray]
    t_max = t_maxs[ray]
    t = t_nexts[ray]
    n = wp.int32(0)
    limit = starts.shape[1]
    middle = t + 0.5 * step_at(t, step_size, cone_angle)
    while n < limit and middle < t_max:
        position = origin + direction * middle
        level = level_of(grid, position)
        if level >= grid.n_levels:  # a hair outside, by rounding at the box's face
            level = grid.n_levels - 1
        cell = cell_at(grid, position, level)
        if grid.binaries[level, cell[0], cell[1], cell[2]] != wp.uint8(0):
            starts[i, n] = t
            n += 1
            t += step_at(t, step_size, cone_angle)
        else:
            left = exit_distance(grid, cell, level, origin, direction, middle)
            t = skip_to(t + step_at(t, step_size, cone_angle), left, step_size, cone_angle)
        middle = t + 0.5 * step_at(t, step_size, cone_angle)
    counts[i] = n
    t_nexts[ray] = wp.where(middle < t_max, t, _FAR_AWAY)


@wp.kernel
def _first_starts(
    offset: wp.int32,
    t_mins: wp.array(dtype=wp.float32),
    t_maxs: wp.array(dtype=wp.float32),
    near_plane: wp.float32,
    jitter: wp.array(dtype=wp.float32),
    step_size: wp.float32,
    cone_angle: wp.float32,
    t_nexts: wp.array(dtype=wp.float32),
):
    ray = wp.tid() + offset
    t_nexts[ray] = _FAR_AWAY
    if t_mins[ray] < t_maxs[ray]:
        anchor = near_plane + jitter[ray] * step_size
        t_nexts[ray] = skip_to(anchor, t_mins[ray], step_size, cone_angle)


@wp.kernel
def _pack(
    offset: wp.int32,
    rays: wp.array(dtype=wp.int32),
    ends: wp.array(dtype=wp.int32),
    counts: wp.array(dtype=wp.int32),
    starts: wp.array2d(dtype=wp.float32),
    step_size: wp.float32,
    cone_angle: wp.float32,
    t_starts: wp.array(dtype=wp.float32),
    t_ends: wp.array(dtype=wp.float32),
    ray_indices: wp.array(dtype=wp.int32),
    packed_info: wp.array(dtype=wp.vec2i),
):
    i = wp.tid() + offset
    first = ends[i] - counts[i]
    packed_info[i] = wp.vec2i(first, counts[i])
    for j in range(counts[i]):
        t = starts[i, j]
        t_starts[first + j] = t
        t_ends[first + j] = t + step_at(t, step_size, cone_angle)
        ray_indices[first + j] = rays[i]


class GridState(NamedTuple):
    """An occupancy grid as the kernels take it.

    Attributes:
        box: the base level's bounds, x0 y0 z0 x1 y1 z1.
        binaries: (n_levels, nx, ny, nz) bool.
    """

    box: tuple[float, ...]
    binaries: Tensor

    def as_struct(self) -> Grid:
        grid = Grid()
        grid.low, grid.high = wp.vec3f(*self.box[:3]), wp.vec3f(*self.box[3:])
        grid.n_levels = self.binaries.shape[0]
        grid.binaries = wp.from_torch(self.binaries.view(torch.uint8), dtype=wp.uint8)
        return grid

    def outer_box(self) -> tuple[float, ...]:
        """The bounds of the coarsest level."""
        scale = 2.0 ** (self.binaries.shape[0] - 1)
        pairs = list(zip(self.box[:3], self.box[3:], strict=True))
        return tuple((a + b) / 2 + sign * scale * (b - a) / 2 for sign in (-1, 1) for a, b in pairs)


class March:
    """The rounds of a march: where each ray goes on, and how to take the next samples.

    Attributes:
        t_nexts: (n_rays,) float32, where each ray goes on; FAR_AWAY where it is done.
    """

    def __init__(self, grid: GridState, rays: Rays, settings, jitter: Tensor | None = None):
        """
        Args:
            settings: a `MarchSettings`.
            jitter: (n_rays,) in [0, 1), shifts each ray's intervals by that part of a step; None: no shift.
        """
        self._grid, self._rays = grid.as_struct(), rays
        self._steps = [settings.render_step_size, settings.cone_angle]
        box = grid.outer_box()
        if settings.crop is not None:
            box = tuple(max(a, b) for a, b in zip(box[:3], settings.crop[:3], strict=True)) + tuple(
                min(a, b) for a, b in zip(box[3:], settings.crop[3:], strict=True)
            )
        t_mins, self._t_maxs = intersect_box(rays, box, settings.near_plane, settings.far_plane)
        n_rays = t_mins.shape[0]
        if jitter is None:
            jitter = torch.zeros_like(t_mins)
        self.t_nexts = torch.empty_like(t_mins)
        launch(
            _first_starts,
            (n_rays,),
            [t_mins, self._t_maxs, settings.near_plane, jitter, *self._steps, self.t_nexts],
        )

    def round(self, rays: Tensor, max_samples: int) -> Samples:
        """The next samples, at most `max_samples` a ray, of some rays.

        Args:
            rays: (n_active,) int32, indices of rays.

        Returns:
            Samples whose ray_indices count over all rays and whose packed_info (n_active, 2) over `rays`.
        """
        n_active, device = rays.shape[0], rays.device
        starts = torch.empty(n_active, max_samples, device=device)
        counts = torch.empty(n_active, dtype=torch.int32, device=device)
        launch(
            _march,
            (n_active,),
            [self._grid, *self._rays, rays, *self._steps, self._t_maxs, self.t_nexts, starts, counts],
        )
        ends = torch.cumsum(counts, 0, dtype=torch.int32)
        n_samples = int(ends[-1]) if n_active else 0
        t_starts, t_ends = torch.empty(2, n_samples, device=device)
        ray_indices = torch.empty(n_samples, dtype=torch.int32, device=device)
        packed_info = torch.empty(n_active, 2, dtype=torch.int32, device=device)
        launch(
            _pack,
            (n_active,),
            [rays, ends, counts, starts, *self._steps, t_starts, t_ends, ray_indices, packed_info],
        )
        return Samples(t_starts, t_ends, ray_indices, packed_info)
