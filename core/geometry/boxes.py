"""Axis-aligned boxes as plain numbers: x0 y0 z0 x1 y1 z1. Pure."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from core.config.types import Box


def distances_to_box(box: Box, position: Sequence[float]) -> tuple[float, float]:
    """From a point to the nearest and to the farthest point of a box; 0 to the nearest from inside."""
    axes = list(zip(box[:3], box[3:], position, strict=True))
    nearest = math.hypot(*(max(low - x, 0.0, x - high) for low, high, x in axes))
    return nearest, math.hypot(*(max(x - low, high - x) for low, high, x in axes))


def box_of(values: Iterable[float]) -> Box:
    """Six numbers as a box; ValueError for more or fewer."""
    x0, y0, z0, x1, y1, z1 = map(float, values)
    return x0, y0, z0, x1, y1, z1


def crop_box(box: Box, crop: Box | None) -> Box:
    """The part of a box inside a crop box; on an axis where they don't overlap its low end lies above the high one."""
    if crop is None:
        return box
    return box_of([*map(max, box[:3], crop[:3]), *map(min, box[3:], crop[3:])])


def sides_of(box: Box) -> tuple[float, float, float]:
    """The lengths of a box's sides."""
    x0, y0, z0, x1, y1, z1 = box
    return x1 - x0, y1 - y0, z1 - z0


def centre_of(box: Box) -> tuple[float, float, float]:
    """The middle of a box."""
    x0, y0, z0, x1, y1, z1 = box
    return 0.5 * (x0 + x1), 0.5 * (y0 + y1), 0.5 * (z0 + z1)


def scale_box(box: Box, factor: float) -> Box:
    """A box with its sides multiplied, about its centre."""
    centre = centre_of(box)
    halves = [0.5 * factor * side for side in sides_of(box)]
    low = [c - h for c, h in zip(centre, halves, strict=True)]
    return box_of([*low, *(c + h for c, h in zip(centre, halves, strict=True))])


def outer_box(box: Box, n_levels: int) -> Box:
    """The bounds of the coarsest of some nested levels, the finest of which covers `box`."""
    return scale_box(box, 2.0 ** (n_levels - 1))


def box_edges(box: Sequence[float]) -> np.ndarray:
    """The 12 edges of a box, (12, 2, 3) float64."""
    low, high = np.reshape(np.asarray(box, np.float64), (2, 3))
    corners = np.array([[(low, high)[(i >> axis) & 1][axis] for axis in range(3)] for i in range(8)])
    pairs = [(i, i | 1 << axis) for i in range(8) for axis in range(3) if not i >> axis & 1]
    return corners[np.array(pairs)]
