"""Nested occupancy grids as the kernels see them: boxes, levels, cells, and where rays leave them.

Level l covers the base box scaled by 2^l about its centre; `binaries[l, x, y, z]` says whether a cell is occupied.
A position belongs to the finest level that contains it.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import warp as wp
from torch import Tensor

from core.geometry.boxes import crop_box, outer_box
from core.kernels.clearance import clearances_of

FAR_AWAY = 1e30
"""t of what is never reached."""

FLOAT_SPACING = 2.0**-23
"""The distance between neighbouring float32 numbers near t is at most this times t."""

_FAR_AWAY = wp.constant(FAR_AWAY)


@wp.func
def axis_range(origin: wp.float32, direction: wp.float32, low: wp.float32, high: wp.float32) -> wp.vec2f:
    """Where a ray lies between two planes; all or nothing along the planes, where 0 * inf would be NaN."""
    if low > high:  # a crop box beside the grid
        return wp.vec2f(_FAR_AWAY, -_FAR_AWAY)
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


@wp.struct
class Grid:
    """The base level's box by its centre and half sides, the number of levels and the cells' clearances."""

    center: wp.vec3f
    half: wp.vec3f
    cell_size: wp.vec3f
    cells_per_unit: wp.vec3f
    n_levels: wp.int32
    shape: wp.vec3i
    clearances: wp.array4d(dtype=wp.uint8)


@wp.func
def level_of(grid: Grid, position: wp.vec3f) -> wp.int32:
    """The finest level whose box contains a position; the coarsest one if none does."""
    level = wp.int32(0)
    if grid.n_levels > 1:
        offset = position - grid.center
        reach = wp.max(
            wp.abs(offset[0]) / grid.half[0],
            wp.max(wp.abs(offset[1]) / grid.half[1], wp.abs(offset[2]) / grid.half[2]),
        )
        while level < grid.n_levels - 1 and reach > wp.float32(1 << level):
            level += 1
    return level


@wp.func
def level_low(grid: Grid, level: wp.int32) -> wp.vec3f:
    """The lowest corner of a level's box."""
    return grid.center - grid.half * wp.float32(1 << level)


@wp.func
def cell_at(grid: Grid, position: wp.vec3f, level: wp.int32) -> wp.vec3i:
    at = wp.cw_mul(position - level_low(grid, level), grid.cells_per_unit)
    if level > 0:
        at = at / wp.float32(1 << level)
    # rounds towards 0, which is down wherever it is not clamped
    return wp.vec3i(
        wp.clamp(wp.int32(at[0]), 0, grid.shape[0] - 1),
        wp.clamp(wp.int32(at[1]), 0, grid.shape[1] - 1),
        wp.clamp(wp.int32(at[2]), 0, grid.shape[2] - 1),
    )


@wp.func
def flat_index(grid: Grid, cell: wp.vec3i, level: wp.int32) -> wp.int32:
    """A cell's place in the flattened [level, x, y, z]."""
    nx, ny, nz = grid.shape[0], grid.shape[1], grid.shape[2]
    return ((level * nx + cell[0]) * ny + cell[1]) * nz + cell[2]


@wp.func
def cell_corner(grid: Grid, cell: wp.vec3i, level: wp.int32) -> wp.vec3f:
    at = wp.vec3f(wp.float32(cell[0]), wp.float32(cell[1]), wp.float32(cell[2]))
    return level_low(grid, level) + wp.cw_mul(at, grid.cell_size) * wp.float32(1 << level)


@wp.func
def inverse(direction: wp.vec3f) -> wp.vec3f:
    """1 / direction, finite: a ray along a plane reaches it very far away."""
    result = wp.vec3f(_FAR_AWAY, _FAR_AWAY, _FAR_AWAY)
    for axis in range(3):
        if wp.abs(direction[axis]) > 1e-12:
            result[axis] = 1.0 / direction[axis]
    return result


@wp.func
def plane_distance(plane: wp.float32, origin: wp.float32, inverse_direction: wp.float32) -> wp.float32:
    """t of a plane that lies ahead; one that the ray runs along is never reached."""
    if inverse_direction == _FAR_AWAY:
        return _FAR_AWAY
    return (plane - origin) * inverse_direction


@wp.func
def clearance_of(grid: Grid, cell: wp.vec3i, level: wp.int32) -> wp.int32:
    """How many cells away the nearest occupied one of the level is: 0 if the cell itself is occupied."""
    return wp.int32(grid.clearances[level, cell[0], cell[1], cell[2]])


@wp.func
def face_ahead(cell: wp.int32, reach: wp.int32, n: wp.int32, direction: wp.float32) -> wp.int32:
    """The face through which a ray leaves the cells less than `reach` away from its own."""
    return wp.where(direction > 0.0, wp.min(cell + reach, n), wp.max(cell - reach + 1, 0))


@wp.func
def exit_distance(
    grid: Grid,
    cell: wp.vec3i,
    reach: wp.int32,
    level: wp.int32,
    origin: wp.vec3f,
    direction: wp.vec3f,
    inverse_direction: wp.vec3f,
    t: wp.float32,
) -> wp.float32:
    """Where a ray at `t` leaves the cells less than `reach` away from its own, or enters the next finer level's
    box if that comes first."""
    ahead = wp.vec3i(
        face_ahead(cell[0], reach, grid.shape[0], direction[0]),
        face_ahead(cell[1], reach, grid.shape[1], direction[1]),
        face_ahead(cell[2], reach, grid.shape[2], direction[2]),
    )
    face = cell_corner(grid, ahead, level)
    left = wp.min(
        plane_distance(face[0], origin[0], inverse_direction[0]),
        wp.min(
            plane_distance(face[1], origin[1], inverse_direction[1]),
            plane_distance(face[2], origin[2], inverse_direction[2]),
        ),
    )
    if level > 0:
        low = level_low(grid, level - 1)
        finer = box_range(origin, direction, low, 2.0 * grid.center - low)
        if finer[0] < finer[1] and finer[0] > t:
            left = wp.min(left, finer[0])
    return left


@cache
def geometry(box: tuple[float, ...], shape: tuple[int, ...]) -> Grid:
    """A grid as the kernels take it, without its cells: only where they lie.

    Args:
        box: the base level's bounds, x0 y0 z0 x1 y1 z1.
        shape: n_levels, nx, ny, nz.
    """
    return _without_cells(box, shape)


def _without_cells(box: tuple[float, ...], shape: tuple[int, ...]) -> Grid:
    low, high = wp.vec3f(*box[:3]), wp.vec3f(*box[3:])
    sides = wp.vec3f(*(float(n) for n in shape[1:]))
    grid = Grid()
    grid.center, grid.half = 0.5 * (low + high), 0.5 * (high - low)
    grid.cell_size, grid.cells_per_unit = wp.cw_div(high - low, sides), wp.cw_div(sides, high - low)
    grid.n_levels, grid.shape = shape[0], wp.vec3i(*shape[1:])
    return grid


@dataclass(frozen=True, eq=False)
class GridState:
    """An occupancy grid as the kernels take it; the cells must not change any more.

    Attributes:
        box: the base level's bounds, x0 y0 z0 x1 y1 z1.
        binaries: (n_levels, nx, ny, nz) bool.
    """

    box: tuple[float, ...]
    binaries: Tensor

    def __deepcopy__(self, _: dict) -> "GridState":
        return self  # nothing of it changes

    @cached_property
    def clearances(self) -> Tensor:
        """See `clearances_of`."""
        return clearances_of(self.binaries)

    @cached_property
    def struct(self) -> Grid:
        """The grid as the kernels take it."""
        grid = _without_cells(self.box, tuple(self.binaries.shape))
        grid.clearances = wp.from_torch(self.clearances, dtype=wp.uint8)
        return grid

    def outer_box(self) -> tuple[float, ...]:
        """The bounds of the coarsest level."""
        return outer_box(self.box, self.binaries.shape[0])

    def marched_box(self, crop: tuple[float, ...] | None) -> tuple[float, ...]:
        """The part of the outer box inside a crop box; low above high on some axis if they don't meet."""
        return crop_box(self.outer_box(), crop)
