"""Axis-aligned boxes as plain numbers: x0 y0 z0 x1 y1 z1. Pure."""

import math
from collections.abc import Sequence

import numpy as np

from core.config.types import Box


def distances_to_box(box: Box, position: Sequence[float]) -> tuple[float, float]:
    """From a point to the nearest and to the farthest point of a box; 0 to the nearest from inside."""
    axes = list(zip(box[:3], box[3:], position, strict=True))
    nearest = math.hypot(*(max(low - x, 0.0, x - high) for low, high, x in axes))
    return nearest, math.hypot(*(max(x - low, high - x) for low, high, x in axes))


def crop_box(box: Box, crop: Box | None) -> Box:
    """The part of a box inside a crop box; low above high on some axis if they don't meet."""
    if crop is None:
        return box
    low = (max(a, b) for a, b in zip(box[:3], crop[:3], strict=True))
    return (*low, *(min(a, b) for a, b in zip(box[3:], crop[3:], strict=True)))


def sides_of(box: Box) -> tuple[float, float, float]:
    """The lengths of a box's sides."""
    return tuple(high - low for low, high in zip(box[:3], box[3:], strict=True))


def centre_of(box: Box) -> tuple[float, float, float]:
    """The middle of a box."""
    return tuple(0.5 * (low + high) for low, high in zip(box[:3], box[3:], strict=True))


def scale_box(box: Box, factor: float) -> Box:
    """A box with its sides multiplied, about its centre."""
    centre = centre_of(box)
    halves = [0.5 * factor * side for side in sides_of(box)]
    return (
        *(c - h for c, h in zip(centre, halves, strict=True)),
        *(c + h for c, h in zip(centre, halves, strict=True)),
    )


def outer_box(box: Box, n_levels: int) -> Box:
    """The bounds of the coarsest of some nested levels, the finest of which covers `box`."""
    return scale_box(box, 2.0 ** (n_levels - 1))


def box_edges(box: Sequence[float]) -> np.ndarray:
    """The 12 edges of a box, (12, 2, 3) float64."""
    low, high = np.reshape(np.asarray(box, np.float64), (2, 3))
    corners = np.array([[(low, high)[(i >> axis) & 1][axis] for axis in range(3)] for i in range(8)])
    pairs = [(i, i | 1 << axis) for i in range(8) for axis in range(3) if not i >> axis & 1]
    return corners[np.array(pairs)]
