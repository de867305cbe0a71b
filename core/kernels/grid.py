"""Nested occupancy grids as the kernels take them; `cpp/grid.h` says which cell a position is in.

Level l covers the base box scaled by 2^l about its centre; `binaries[l, x, y, z]` says whether a cell is occupied.
A position belongs to the finest level that contains it.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any

import numpy as np
import warp as wp
from torch import Tensor

from core.config.types import Box
from core.geometry.boxes import crop_box, outer_box
from core.kernels.clearance import clearances_of
from core.kernels.runtime.launch import start_warp

FAR_AWAY = 1e30
"""t of what is never reached; `cpp/grid.h` says the same."""

FLOAT_SPACING = 2.0**-23
"""The distance between neighbouring float32 numbers near t is at most this times t."""


class _Fields:
    """The base level's box by its centre and half sides, the number of levels and the cells' clearances."""

    center: wp.vec3f
    half: wp.vec3f
    cell_size: wp.vec3f
    cells_per_unit: wp.vec3f
    n_levels: wp.int32
    shape: wp.vec3i
    clearances: wp.array4d[wp.uint8]


_STRUCT = wp.struct(_Fields)

Grid = Annotated[Any, _STRUCT]
"""A grid as kernels take it, see `core.kernels.runtime.types`."""


@cache
def geometry(box: Box, shape: tuple[int, ...]) -> Grid:
    """A grid as the kernels take it, without its cells: only where they lie.

    Args:
        box: the base level's bounds, x0 y0 z0 x1 y1 z1.
        shape: n_levels, nx, ny, nz.
    """
    return _without_cells(box, shape)


def _without_cells(box: Box, shape: tuple[int, ...]) -> Grid:
    low, high, sides = (np.array(x, np.float32) for x in (box[:3], box[3:], shape[1:]))
    grid = _STRUCT()
    grid.center, grid.half = wp.vec3f(*(0.5 * (low + high))), wp.vec3f(*(0.5 * (high - low)))
    grid.cell_size, grid.cells_per_unit = wp.vec3f(*((high - low) / sides)), wp.vec3f(*(sides / (high - low)))
    grid.n_levels, grid.shape = shape[0], wp.vec3i(*shape[1:])
    return grid


@dataclass(frozen=True, eq=False)
class GridState:
    """An occupancy grid as the kernels take it; the cells must not change any more.

    Attributes:
        box: the base level's bounds, x0 y0 z0 x1 y1 z1.
        binaries: (n_levels, nx, ny, nz) bool.
    """

    box: Box
    binaries: Tensor

    def __deepcopy__(self, _: dict) -> "GridState":
        return self  # it is immutable

    @cached_property
    def clearances(self) -> Tensor:
        """See `clearances_of`."""
        return clearances_of(self.binaries)

    @cached_property
    def struct(self) -> Grid:
        """The grid as the kernels take it."""
        start_warp()
        grid = _without_cells(self.box, tuple(self.binaries.shape))
        grid.clearances = wp.from_torch(self.clearances, dtype=wp.uint8)
        return grid

    def outer_box(self) -> Box:
        """The bounds of the coarsest level."""
        return outer_box(self.box, self.binaries.shape[0])

    def marched_box(self, crop: Box | None) -> Box:
        """The part of the outer box inside a crop box; low above high on some axis if they don't meet."""
        return crop_box(self.outer_box(), crop)
