"""Handles of a box that is edited in the picture: one in the middle of each face, pulled along the face's axis. Pure.

A face is counted as its number in the box: x0 y0 z0 x1 y1 z1. Places in the picture are in pixels from its upper left.
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
from viewer.protocol.requests import Pose

REACH = 10
"""A handle is grabbed from within this many pixels, at scale 1."""

_END_ON = math.sin(math.radians(6.0))
"""An axis that is seen at a smaller angle than this gives a hand nothing to pull along."""


class Sight(NamedTuple):
    """A picture: where it was taken from, and its size in pixels."""

    pose: Pose
    width: int
    height: int

    @property
    def position(self) -> np.ndarray:
        """Of the camera, (3,)."""
        return self._c2w[:3, 3]

    def direction(self, x: float, y: float) -> np.ndarray:
        """The unit direction (3,) of the ray through a place of the picture."""
        local = np.array([x - 0.5 * self.width, 0.5 * self.height - y, -self._focal])
        return self._c2w[:3, :3] @ local / np.linalg.norm(local)

    def seen_at(self, point: np.ndarray) -> tuple[float, float, float] | None:
        """Where a world point (3,) is seen, x and y, and its depth along the view axis; None: behind the camera."""
        right, up, back = (point - self.position) @ self._c2w[:3, :3]
        if back >= 0.0:
            return None
        return 0.5 * self.width - self._focal * right / back, 0.5 * self.height + self._focal * up / back, -back

    @property
    def _c2w(self) -> np.ndarray:
        return np.asarray(self.pose.c2w, np.float64).reshape(4, 4)

    @property
    def _focal(self) -> float:
        return 0.5 * self.height / math.tan(0.5 * self.pose.fov_y)


class Handle(NamedTuple):
    """A face's handle as the picture shows it; depth is along the view axis."""

    face: int
    x: float
    y: float
    depth: float


def handles(box: Box, sight: Sight) -> list[Handle]:
    """The handles that the picture shows and that can be pulled, the farthest first."""
    found = []
    for face in range(6):
        middle, at = middle_of(box, face), sight.seen_at(middle_of(box, face))
        if at is None or not (0.0 <= at[0] <= sight.width and 0.0 <= at[1] <= sight.height):
            continue
        towards = (middle - sight.position) / np.linalg.norm(middle - sight.position)
        if math.sqrt(max(0.0, 1.0 - towards[face % 3] ** 2)) > _END_ON:
            found.append(Handle(face, *at))
    return sorted(found, key=lambda handle: -handle.depth)


def middle_of(box: Box, face: int) -> np.ndarray:
    """The middle (3,) of a face."""
    middle = 0.5 * (np.asarray(box[:3]) + np.asarray(box[3:]))
    middle[face % 3] = box[face]
    return middle


def edges(box: Box, sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """A box's edges in the picture, those of faces that are turned to the camera, and those behind: (n, 2, 2) each.

    From inside no face is turned to the camera, and all edges count as in front.
    """
    segments, position = box_edges(box), sight.position
    turned = [position[face % 3] < box[face] if face < 3 else position[face % 3] > box[face] for face in range(6)]
    middles = segments.mean(axis=1)
    in_front = np.zeros(len(segments), bool)
    for face in range(6):
        if turned[face] or not any(turned):
            in_front |= middles[:, face % 3] == box[face]
    return tuple(_drawn(part, sight) for part in (segments[in_front], segments[~in_front]))


def _drawn(segments: np.ndarray, sight: Sight) -> np.ndarray:
    ends = project(segments, sight.pose, sight.width, sight.height)
    return clip_to_rectangle(ends, sight.width, sight.height)[..., :2]


def along(box: Box, face: int, sight: Sight, x: float, y: float) -> float | None:
    """How far from the middle of a face, along its axis, the axis comes nearest to the ray through a place of the
    picture; None where it doesn't in front of the camera."""
    offset, direction = middle_of(box, face) - sight.position, sight.direction(x, y)
    slope = direction[face % 3]
    if 1.0 - slope**2 < _END_ON**2:
        return None
    distance = (slope * (direction @ offset) - offset[face % 3]) / (1.0 - slope**2)
    return float(distance) if direction @ offset + distance * slope > 0.0 else None


def pulled(box: Box, face: int, value: float) -> Box:
    """The box with a face at a coordinate, rounded to a thousandth of its size, or before it where the box would
    become flat or turn inside out. One that is inside out along every axis stays as it is: it has no size."""
    sides = list(sides_of(box))
    if max(sides) <= 0.0:
        return box
    axis, opposite = face % 3, box[(face + 3) % 6]
    least = 2.0 * max(side for other, side in enumerate(sides) if other != axis) / FLATTEST
    step = 10.0 ** math.floor(math.log10(max(sides) / 1000.0))
    value = round(value / step) * step
    value = min(value, opposite - least) if face < 3 else max(value, opposite + least)
    return (*box[:face], float(f"{value:.6g}"), *box[face + 1 :])


@dataclass
class BoxDrag:
    """A handle that is held.

    Attributes:
        face: whose; None between drags.
    """

    face: int | None = None
    _begun: tuple[Box, float] | None = None

    def moved(
        self,
        box: Box,
        sight: Sight,
        down: Collection[int],
        x: float,
        y: float,
        over_picture: bool,
        reach: float = REACH,
    ) -> Box:
        """The box after the cursor came to (x, y).

        The cursor keeps its place on the handle's axis from where the drag began, so that nothing jumps.

        Args:
            down: the mouse buttons that are down; the left one holds.
            over_picture: the cursor is over the picture itself and not over something that lies on it.
            reach: a handle is grabbed from within this many pixels.
        """
        if LEFT not in down:
            self.face = None
        elif self.face is None and over_picture:
            found = under_cursor(box, sight, x, y, reach)
            at = None if found is None else along(box, found.face, sight, x, y)
            if at is not None:
                self.face, self._begun = found.face, (box, at)
        elif self.face is not None:
            before, first = self._begun
            at = along(before, self.face, sight, x, y)
            if at is not None:
                return pulled(before, self.face, before[self.face] + at - first)
        return box


def under_cursor(box: Box, sight: Sight, x: float, y: float, reach: float = REACH) -> Handle | None:
    """The handle that a press at (x, y) would grab: the nearest to the camera within reach."""
    near = [h for h in handles(box, sight) if math.hypot(h.x - x, h.y - y) <= reach]
    return near[-1] if near else None
