"""Handles of a box that is edited in the picture: one in the middle of each face, pulled along the face's axis. Pure.

A face is the index of its coordinate in the box: x0 y0 z0 x1 y1 z1. Points of the picture are in pixels from its upper
left.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.config.types import Box
from core.geometry.boxes import box_edges, sides_of
from core.geometry.placement import FLATTEST
from viewer.input.navigation import LEFT
from viewer.picture.overlays.lines import clip_to_rectangle, project
from viewer.picture.projection import Projection

REACH = 10
"""A handle is grabbed from within this many pixels, at scale 1."""

_END_ON = math.sin(math.radians(6.0))
"""The sine of the smallest angle at which an axis is seen and can still be pulled along."""


class Handle(NamedTuple):
    """A face's handle as the picture shows it; depth is along the view axis."""

    face: int
    x: float
    y: float
    depth: float


def handles(box: Box, projection: Projection) -> list[Handle]:
    """The handles that are in the picture and can be pulled, the farthest first."""
    found = []
    for face in range(6):
        middle, at = middle_of(box, face), projection.seen_at(middle_of(box, face))
        if at is None or not (0.0 <= at[0] <= projection.width and 0.0 <= at[1] <= projection.height):
            continue
        towards = (middle - projection.position) / np.linalg.norm(middle - projection.position)
        if math.sqrt(max(0.0, 1.0 - towards[face % 3] ** 2)) > _END_ON:
            found.append(Handle(face, *at))
    return sorted(found, key=lambda handle: -handle.depth)


def middle_of(box: Box, face: int) -> np.ndarray:
    """The middle (3,) of a face."""
    middle = 0.5 * (np.asarray(box[:3]) + np.asarray(box[3:]))
    middle[face % 3] = box[face]
    return middle


def edges(box: Box, projection: Projection) -> tuple[np.ndarray, np.ndarray]:
    """A box's edges in the picture, (n, 2, 2) each: those of faces that face the camera, and the others.

    From inside no face does, and all edges count as in front.
    """
    segments, position = box_edges(box), projection.position
    turned = [position[face % 3] < box[face] if face < 3 else position[face % 3] > box[face] for face in range(6)]
    middles = segments.mean(axis=1)
    in_front = np.zeros(len(segments), bool)
    for face in range(6):
        if turned[face] or not any(turned):
            in_front |= middles[:, face % 3] == box[face]
    return _drawn(segments[in_front], projection), _drawn(segments[~in_front], projection)


def _drawn(segments: np.ndarray, projection: Projection) -> np.ndarray:
    ends = project(segments, projection)
    return clip_to_rectangle(ends, projection.width, projection.height)[..., :2]


def along(box: Box, face: int, projection: Projection, x: float, y: float) -> float | None:
    """The offset along a face's axis, from its middle, at which the ray through a point of the picture passes closest;
    None if that is not in front of the camera."""
    offset, direction = middle_of(box, face) - projection.position, projection.direction(x, y)
    slope = direction[face % 3]
    if 1.0 - slope**2 < _END_ON**2:
        return None
    distance = (slope * (direction @ offset) - offset[face % 3]) / (1.0 - slope**2)
    return float(distance) if direction @ offset + distance * slope > 0.0 else None


def pulled(box: Box, face: int, value: float) -> Box:
    """The box with a face moved to a coordinate, which is rounded to a thousandth of the box's size and limited so that
    the box neither becomes flat nor turns inside out. One that is inside out along every axis has no size and stays."""
    sides = list(sides_of(box))
    if max(sides) <= 0.0:
        return box
    axis, opposite = face % 3, box[(face + 3) % 6]
    least = 2.0 * max(side for other, side in enumerate(sides) if other != axis) / FLATTEST
    step = 10.0 ** math.floor(math.log10(max(sides) / 1000.0))
    value = round(value / step) * step
    value = min(value, opposite - least) if face < 3 else max(value, opposite + least)
    rounded = float(f"{value:.6g}")
    x0, y0, z0, x1, y1, z1 = (rounded if i == face else number for i, number in enumerate(box))
    return x0, y0, z0, x1, y1, z1


@dataclass
class BoxDrag:
    """A handle that is held.

    Attributes:
        face: the handle's; None between drags.
    """

    face: int | None = None
    _begun: tuple[Box, float] | None = None

    def moved(
        self,
        box: Box,
        projection: Projection,
        down: Collection[int],
        x: float,
        y: float,
        over_picture: bool,
        reach: float = REACH,
    ) -> Box:
        """The box after the cursor moved to (x, y).

        The handle keeps its offset from the cursor along its axis, so that nothing jumps when the drag begins.

        Args:
            down: the mouse buttons that are down; the left one holds.
            over_picture: the cursor is over the picture itself, not over something on top of it.
            reach: a handle is grabbed from within this many pixels.
        """
        if LEFT not in down:
            self.face = None
        elif self.face is None and over_picture:
            found = under_cursor(box, projection, x, y, reach)
            if found is not None:
                at = along(box, found.face, projection, x, y)
                if at is not None:
                    self.face, self._begun = found.face, (box, at)
        elif self.face is not None and self._begun is not None:
            before, first = self._begun
            at = along(before, self.face, projection, x, y)
            if at is not None:
                return pulled(before, self.face, before[self.face] + at - first)
        return box


def under_cursor(box: Box, projection: Projection, x: float, y: float, reach: float = REACH) -> Handle | None:
    """The handle that a press at (x, y) would grab: the nearest to the camera within reach."""
    near = [h for h in handles(box, projection) if math.hypot(h.x - x, h.y - y) <= reach]
    return near[-1] if near else None
